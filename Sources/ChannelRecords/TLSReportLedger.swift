// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import Delivery
import FoundationEssentials
package import Privacy
package import Store
import Synchronization

/// Counts how TLS with other domains went, for each domain and day (UTC), and keeps the counts sealed until their report is sent.
///
/// Hosts and policies are counted, never messages' senders or recipients.
package final class TLSReportLedger: TLSReportCounting, Sendable {
    /// What became of a day's report.
    package enum Fate: String, Codable, Sendable, CaseIterable {
        /// The day is not over, or the report could not be handed over yet.
        case open
        case sent
        /// The domain wants none.
        case unwanted
        /// The domain wants it by mail only, which is not done.
        case byMailOnly = "by-mail-only"
        /// Nobody took it for two days.
        case notTaken = "not-taken"
    }

    package struct Entry: Codable, Sendable, Hashable {
        package let counts: TLSReportCounts
        package let fate: Fate
    }

    struct Key: Hashable, Sendable {
        let domain: String
        let day: Int64

        var id: [UInt8] { Array("\(day) \(domain)".utf8) }
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var changed: Set<Key> = []
        var isOn = false
        /// Events for which there was no room.
        var lost = 0
    }

    /// So many days of domains are kept at a time.
    private static let maxEntries = 20_000
    /// An entry is shown so long after its day, in seconds.
    static let keptFor: Int64 = 3 * 86_400

    private let records: RecordStore
    private let time: Time
    private let state: Mutex<State>

    /// Reads what was counted before.
    package static func load(from records: RecordStore, time: Time) async throws(StoreError) -> TLSReportLedger {
        var state = State()
        for stored in try await records.all(.tlsCounts) {
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(stored.value)) else { continue }
            state.entries[Key(entry.counts)] = entry
        }
        return TLSReportLedger(records, time, state)
    }

    private init(_ records: RecordStore, _ time: Time, _ state: State) {
        self.records = records
        self.time = time
        self.state = Mutex(state)
    }

    /// Whether anything is counted.
    package func turn(on isOn: Bool) { state.withLock { $0.isOn = isOn } }

    package func count(_ event: TLSReportEvent) {
        let now = time.calendar().seconds
        let key = Key(domain: event.policy.domain, day: TLSReportCounts.day(now))
        state.withLock { state in
            guard state.isOn else { return }
            guard state.entries[key] != nil || state.entries.count < Self.maxEntries else {
                state.lost += 1
                return
            }
            var counts = state.entries[key]?.counts ?? TLSReportCounts(domain: key.domain, now: now)
            counts.count(event)
            state.entries[key] = Entry(counts: counts, fate: .open)
            state.changed.insert(key)
        }
    }

    /// Everything that is kept, the newest day first.
    package var entries: [Entry] {
        state.withLock { Array($0.entries.values) }.sorted { one, other in
            one.counts.day == other.counts.day
                ? one.counts.domain < other.counts.domain : one.counts.day > other.counts.day
        }
    }

    /// Counts of days that are over and not yet reported.
    func due(at now: Int64) -> [TLSReportCounts] {
        state.withLock { state in
            state.entries.values.filter { $0.fate == .open && $0.counts.isOver(at: now) }.map(\.counts)
        }
    }

    func settle(_ counts: TLSReportCounts, _ fate: Fate) {
        let key = Key(counts)
        state.withLock { state in
            guard state.entries[key] != nil else { return }
            state.entries[key] = Entry(counts: counts, fate: fate)
            state.changed.insert(key)
        }
    }

    /// Writes what has changed, and drops what is old; with reports switched off everything is.
    package func flush() async {
        let now = time.calendar().seconds
        let (changed, gone) = state.withLock { state in
            let gone = state.entries.filter { _, entry in !state.isOn || entry.counts.end + Self.keptFor < now }.map(
                \.key
            )
            for key in gone {
                state.entries[key] = nil
                state.changed.remove(key)
            }
            defer { state.changed = [] }
            return (state.changed.compactMap { key in state.entries[key].map { (key, $0) } }, gone)
        }
        for (key, entry) in changed {
            guard let value = try? JSONEncoder().encode(entry) else { continue }
            do {
                let expires = WallTime(seconds: entry.counts.end + Self.keptFor)
                try await records.put(kind: .tlsCounts, id: key.id, value: [UInt8](value), expires: expires)
            } catch {
                // The next time; the store's own health tells the operator.
                state.withLock { if $0.entries[key] != nil { _ = $0.changed.insert(key) } }
            }
        }
        for key in gone { try? await records.remove(.tlsCounts, id: key.id) }
    }
}

extension TLSReportLedger.Key {
    init(_ counts: TLSReportCounts) { self.init(domain: counts.domain, day: counts.day) }
}
