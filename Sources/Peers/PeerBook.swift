// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import FoundationEssentials
package import Privacy
package import Store
import Synchronization

/// The peers whose channel is pinned by their statements: sealed in the store, and all of them in memory.
///
/// A list of their domains is kept beside their records, so that a peer whose record is damaged is missed: its pins are lost, but
/// not that it has some.
package final class PeerBook: Sendable {
    private struct Peers {
        var records: [String: PeerRecord] = [:]
        /// Domains on the list whose record does not open.
        var lost: Set<String> = []

        var domains: Set<String> { lost.union(records.keys) }
    }

    private let store: RecordStore
    private let peers: Mutex<Peers>
    /// The list is written by one change after the other.
    private let turns = Turns()

    private init(store: RecordStore, peers: Peers) {
        self.store = store
        self.peers = Mutex(peers)
    }

    /// Reads what is kept.
    package static func load(from store: RecordStore) async throws(StoreError) -> PeerBook {
        var peers = Peers()
        for record in try await store.all(.peer) where record.id.starts(with: prefix) {
            guard let peer = try? JSONDecoder().decode(PeerRecord.self, from: Data(record.value)) else { continue }
            peers.records[peer.life.domain] = peer
        }
        if let list = try await store.get(.peer, id: listID) {
            let names = String(decoding: list.value, as: UTF8.self).split(separator: " ").map(String.init)
            peers.lost = Set(names).subtracting(peers.records.keys)
        }
        return PeerBook(store: store, peers: peers)
    }

    /// By domain.
    package var all: [PeerRecord] { peers.withLock { $0.records.values.sorted { $0.life.domain < $1.life.domain } } }

    /// The domains of peers whose record does not open any more, sorted.
    package var lost: [String] { peers.withLock { $0.lost.sorted() } }

    /// The peer of a domain, in lower case with A-labels.
    package func peer(_ domain: String) -> PeerRecord? { peers.withLock { $0.records[domain] } }

    /// Whether the domain is a peer's, its record lost or not.
    package func has(_ domain: String) -> Bool { peers.withLock { $0.domains.contains(domain) } }

    /// What the servers of all peers must show, as of `now`; of a peer whose record is lost, something that nobody has.
    package func pins(at now: WallTime) -> [PinSet] {
        peers.withLock { peers in
            peers.records.values.map { $0.life.pinSet(at: now.seconds) }
                + peers.lost.map { PinSet(.domain($0), source: .statement(isExpired: true), current: []) }
        }
    }

    /// Holds when it is durable.
    ///
    /// The list goes first: cut short, it leaves a peer that is missed, never one that is forgotten.
    package func put(_ peer: PeerRecord) async throws(StoreError) {
        guard let value = try? JSONEncoder().encode(peer) else { throw .contentFailed }
        let domain = peer.life.domain
        try await turns.take("list") { () async throws(StoreError) in
            if !has(domain) { try await putList(peers.withLock { $0.domains.union([domain]) }) }
            try await store.put(kind: .peer, id: Self.id(domain), value: [UInt8](value))
            peers.withLock { peers in
                peers.records[domain] = peer
                peers.lost.remove(domain)
            }
        }
    }

    /// The list goes last, for the same reason.
    package func remove(_ domain: String) async throws(StoreError) {
        try await turns.take("list") { () async throws(StoreError) in
            try await store.remove(.peer, id: Self.id(domain))
            try await putList(peers.withLock { $0.domains.subtracting([domain]) })
            peers.withLock { peers in
                peers.records[domain] = nil
                peers.lost.remove(domain)
            }
        }
    }

    private func putList(_ domains: Set<String>) async throws(StoreError) {
        try await store.put(kind: .peer, id: Self.listID, value: Array(domains.sorted().joined(separator: " ").utf8))
    }

    private static let prefix = Array("domain ".utf8)
    private static let listID = Array("list".utf8)

    private static func id(_ domain: String) -> [UInt8] { prefix + Array(domain.utf8) }
}
