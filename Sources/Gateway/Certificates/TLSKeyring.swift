// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import FoundationEssentials
package import Privacy
package import Settings
package import Store
import Synchronization
import Vault

/// The server's certificates and keys in the vault: one sealed record, of which a picture is kept in memory.
package final class TLSKeyring: Sendable {
    private let records: RecordStore
    private let picture: Mutex<KeptCertificates>
    /// One change at a time, so that none is lost.
    private let changes = ChangeQueue()
    private static let id = Array("all".utf8)

    package static func load(from records: RecordStore, log: Log) async throws(StoreError) -> TLSKeyring {
        var kept = KeptCertificates()
        if let record = try await records.get(.serverKeys, id: id) {
            if let read = try? JSONDecoder().decode(KeptCertificates.self, from: Data(record.value)) {
                kept = read
            } else {
                log.error("the record of the server's certificates makes no sense and is left out")
            }
        }
        return TLSKeyring(records, kept)
    }

    private init(_ records: RecordStore, _ kept: KeptCertificates) {
        self.records = records
        picture = Mutex(kept)
    }

    var kept: KeptCertificates { picture.withLock { $0 } }

    /// Changes what is kept; durable when it returns, and nothing changed when it throws.
    func change<Result: Sendable>(
        _ body: @Sendable (inout KeptCertificates) throws -> Result
    ) async throws -> Result {
        try await changes.perform {
            var next = kept
            let result = try body(&next)
            guard next != kept else { return result }
            try await records.put(kind: .serverKeys, id: Self.id, value: [UInt8](try JSONEncoder().encode(next)))
            picture.withLock { $0 = next }
            return result
        }
    }

    // MARK: Pins

    /// The pins of our own keys.
    package struct OwnPins: Sendable, Equatable {
        /// Of the keys in use, and of those that were replaced lately.
        package var current: [Pin]
        /// Of the keys that are to be used next.
        package var next: [Pin]
    }

    /// The pins of keys to publish, those of the settings' files among them.
    package func currentAndNextPins(_ settings: PosternSettings) -> OwnPins {
        let kept = kept
        let file = settings.tls.flatMap { CertificateFile.facts($0.certificate) }.map {
            Data($0.fingerprints.publicKey)
        }
        let current = (file.map { [$0] } ?? []) + kept.live.reversed().map(\.pin) + kept.former.map(\.pin)
        return OwnPins(current: Self.pins(current), next: Self.pins(kept.upcoming.map(\.pin)))
    }

    /// Notes that a commitment statement with these pins is given out from now on: a key that it does not hold is not used.
    package func noteStatement(_ pins: [Pin], now: WallTime) async throws {
        let digests = Set(pins.filter { $0.kind == .publicKey }.map { Data($0.sha256) })
        try await change { $0.noteStatement(digests, now: now) }
    }

    private static func pins(_ digests: [Data]) -> [Pin] {
        var seen: Set<Data> = []
        return digests.filter { seen.insert($0).inserted }.compactMap { Pin(.publicKey, sha256: [UInt8]($0)) }
    }
}

/// The certificate in a PEM file.
enum CertificateFile {
    /// The first one's bytes and what it says; nil when there is none that can be read.
    static func read(_ path: String) -> (bytes: [UInt8], facts: CertificateFacts)? {
        guard let bytes = try? DurableFile.read(path), let der = PEMText.certificates(bytes).first,
            let facts = CertificateFacts(der: der)
        else { return nil }
        return (bytes, facts)
    }

    static func facts(_ path: String) -> CertificateFacts? { read(path)?.facts }
}
