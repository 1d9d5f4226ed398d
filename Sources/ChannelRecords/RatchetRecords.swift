// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import Delivery
package import Privacy
package import Store
import Synchronization

/// Where mail was encrypted, sealed in the records, with what was used lately in memory.
package final class RatchetRecords: RatchetMemory {
    private let records: RecordStore
    private let time: Time
    private let lately = Mutex<[String: RatchetEntry?]>([:])

    /// So many answers are kept in memory.
    private static let maxLately = 4096

    package init(records: RecordStore, time: Time) {
        self.records = records
        self.time = time
    }

    /// What can't be read holds as if mail had been encrypted just now: a fault of ours loosens nothing.
    package func entry(domain: String, host: String) async -> RatchetEntry? {
        let key = Self.key(domain, host)
        if let known = lately.withLock({ $0[key] }) { return known }
        do {
            let stored = try await records.get(.ratchet, id: Array(key.utf8))
            let entry = stored.flatMap { Self.decode($0.value, domain, host) }
            keep(key, entry)
            return entry
        } catch {
            return RatchetEntry(domain: domain, host: host, lastEncrypted: time.calendar().seconds)
        }
    }

    package func learn(_ entry: RatchetEntry) async {
        let key = Self.key(entry.domain, entry.host)
        keep(key, entry)
        // What can't be written is learned again with the next message.
        try? await records.put(
            kind: .ratchet,
            id: Array(key.utf8),
            value: Self.encode(entry),
            expires: WallTime(seconds: entry.expiresAt)
        )
    }

    /// Every entry that is kept, by domain and host.
    package func all() async throws -> [RatchetEntry] {
        try await records.all(.ratchet).compactMap { record in
            let names = record.id.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            return names.count == 2 ? Self.decode(record.value, names[0], names[1]) : nil
        }.sorted { ($0.domain, $0.host) < ($1.domain, $1.host) }
    }

    /// Forgets what was learned of a domain, or of one of its hosts; how many entries that were.
    package func forget(domain: String, host: String?) async throws -> Int {
        let entries = try await all().filter { $0.domain == domain && (host == nil || $0.host == host) }
        for entry in entries { try await records.remove(.ratchet, id: Array(Self.key(entry.domain, entry.host).utf8)) }
        lately.withLock { lately in for entry in entries { lately[Self.key(entry.domain, entry.host)] = nil } }
        return entries.count
    }

    private func keep(_ key: String, _ entry: RatchetEntry?) {
        lately.withLock { lately in
            if lately.count >= Self.maxLately { lately.removeAll() }
            lately[key] = .some(entry)
        }
    }

    private static func key(_ domain: String, _ host: String) -> String { domain + " " + host }

    /// The time in seconds, big-endian.
    private static func encode(_ entry: RatchetEntry) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: entry.lastEncrypted >> (56 - 8 * $0)) }
    }

    private static func decode(_ value: [UInt8], _ domain: String, _ host: String) -> RatchetEntry? {
        guard value.count == 8 else { return nil }
        let seconds = value.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return RatchetEntry(domain: domain, host: host, lastEncrypted: Int64(bitPattern: seconds))
    }
}
