// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Privacy
package import Store
import Synchronization

/// Counts what each account sends, and keeps the counts sealed, so that a restart gives nobody a fresh allowance.
package final class SendingLedger: Sendable {
    /// An account's last day, for the operator.
    package struct Report: Sendable, Equatable {
        package var messages = 0
        package var recipients = 0
        /// Something was answered with the limit within the last hour.
        package var isAtLimit = false
    }

    /// What a session wants to add.
    package enum Item: Sendable {
        case message
        case recipient
    }

    private struct Entry {
        var usage = SendingUsage()
        /// Begun, and not yet accepted: counts against the limits, so that many sessions at once gain nothing.
        var begun = SendingUsage.Total()
        var refusedAt: WallTime?

        mutating func settle(_ messages: Int, _ recipients: Int) {
            begun.messages = max(0, begun.messages - messages)
            begun.recipients = max(0, begun.recipients - recipients)
        }

        func isAtLimit(_ now: WallTime) -> Bool {
            refusedAt.map { now - $0 < .seconds(SendingUsage.hour) } ?? false
        }
    }

    private let records: RecordStore
    private let entries: Mutex<[[UInt8]: Entry]>

    /// Reads what was counted before.
    package static func load(from records: RecordStore) async throws(StoreError) -> SendingLedger {
        var entries: [[UInt8]: Entry] = [:]
        for stored in try await records.all(.sending) {
            guard let usage = try? JSONDecoder().decode(SendingUsage.self, from: Data(stored.value)) else { continue }
            entries[stored.id] = Entry(usage: usage)
        }
        return SendingLedger(records: records, entries: entries)
    }

    private init(records: RecordStore, entries: [[UInt8]: Entry]) {
        self.records = records
        self.entries = Mutex(entries)
    }

    /// Sets one message or recipient aside for a transaction; false when the account has no more of them.
    package func begin(
        _ item: Item,
        by name: AccountName,
        _ allowance: SendingAllowance,
        created: WallTime?,
        now: WallTime
    ) -> Bool {
        let applied = allowance.applied(created: created, now: now)
        return entries.withLock { entries in
            var entry = entries[name.recordID] ?? Entry()
            let hour = Self.sum(entry, SendingUsage.hour, now)
            let day = Self.sum(entry, SendingUsage.day, now)
            let fits =
                switch item {
                case .message: applied.allowsMessage(hour, day)
                case .recipient: applied.allowsRecipient(hour, day)
                }
            switch item {
            case _ where !fits: entry.refusedAt = now
            case .message: entry.begun.messages += 1
            case .recipient: entry.begun.recipients += 1
            }
            entries[name.recordID] = entry
            return fits
        }
    }

    /// Gives back what a transaction set aside and did not use.
    package func giveBack(messages: Int, recipients: Int, by name: AccountName) {
        entries.withLock { $0[name.recordID]?.settle(messages, recipients) }
    }

    /// Counts an accepted message; durable on return, but for a store that can't write.
    package func count(recipients: Int, by name: AccountName, now: WallTime) async {
        let id = name.recordID
        let usage = entries.withLock { entries in
            var entry = entries[id] ?? Entry()
            entry.settle(1, recipients)
            entry.usage.add(messages: 1, recipients: recipients, at: now)
            entries[id] = entry
            return entry.usage
        }
        guard let value = try? JSONEncoder().encode(usage) else { return }
        // The message itself is safe already; the store's own health tells the operator of a failure.
        try? await records.put(
            kind: .sending,
            id: id,
            value: [UInt8](value),
            expires: now + .seconds(SendingUsage.day + SendingUsage.hour)
        )
    }

    package func report(on name: AccountName, now: WallTime) -> Report {
        entries.withLock { entries in
            guard let entry = entries[name.recordID] else { return Report() }
            let day = entry.usage.total(lastSeconds: SendingUsage.day, at: now)
            return Report(messages: day.messages, recipients: day.recipients, isAtLimit: entry.isAtLimit(now))
        }
    }

    /// Whether any account was answered with its limit within the last hour.
    package func isAnyAtLimit(now: WallTime) -> Bool {
        entries.withLock { $0.values.contains { $0.isAtLimit(now) } }
    }

    private static func sum(_ entry: Entry, _ span: Int64, _ now: WallTime) -> SendingUsage.Total {
        var total = entry.usage.total(lastSeconds: span, at: now)
        total.messages += entry.begun.messages
        total.recipients += entry.begun.recipients
        return total
    }
}
