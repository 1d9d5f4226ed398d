// SPDX-License-Identifier: Apache-2.0

import Privacy

/// What is to be told about alarms, and when: each change once, and the same alarm not more often than every so often.
struct AlarmNews: Sendable {
    struct Item: Sendable, Equatable {
        let alarm: AlarmBoard.Alarm
        /// False: the alarm is over.
        let isRaised: Bool
    }

    private struct Told {
        let item: Item
        let at: BootTime
    }

    private let interval: Duration
    private var told: [String: Told] = [:]

    /// - Parameter interval: between two tellings of the same alarm.
    init(interval: Duration) { self.interval = interval }

    /// What has changed since it was told last, and may be told again.
    func due(_ standing: [AlarmBoard.Alarm], at now: BootTime) -> [Item] {
        let sent = standing.filter { $0.kind?.isSent ?? true }
        let raised = sent.filter { told[$0.subject]?.item.isRaised != true }.map { Item(alarm: $0, isRaised: true) }
        let subjects = Set(standing.map(\.subject))
        let over = told.values.map(\.item).filter { $0.isRaised && !subjects.contains($0.alarm.subject) }
            .map { Item(alarm: $0.alarm, isRaised: false) }
            .sorted { $0.alarm.subject < $1.alarm.subject }
        return (raised + over).filter { item in
            told[item.alarm.subject].map { now - $0.at >= interval } ?? true
        }
    }

    /// Remembers what was told.
    mutating func remember(_ items: [Item], at now: BootTime) {
        for item in items { told[item.alarm.subject] = Told(item: item, at: now) }
        // What has been over for long is new when it comes back.
        told = told.filter { $0.value.item.isRaised || now - $0.value.at < interval }
    }
}
