// SPDX-License-Identifier: Apache-2.0

import Privacy

/// What one account sent in the last day, in slots of five minutes for the last hour and of an hour before that.
///
/// A slot counts until all of it is out of the span, so that the count errs on the large side, by a slot.
struct SendingUsage: Codable, Sendable, Equatable {
    struct Slot: Codable, Sendable, Equatable {
        /// Seconds since 1970, a multiple of `length`.
        var start: Int64
        var length: Int64
        var messages: Int
        var recipients: Int
    }

    struct Total: Sendable, Equatable {
        var messages = 0
        var recipients = 0
    }

    static let hour: Int64 = 3600
    static let day: Int64 = 86_400
    private static let fine: Int64 = 300

    /// Oldest first.
    private(set) var slots: [Slot] = []

    mutating func add(messages: Int, recipients: Int, at now: WallTime) {
        tidy(at: now)
        let start = Self.floor(now.seconds, Self.fine)
        if let last = slots.last, last.start == start, last.length == Self.fine {
            slots[slots.count - 1].messages += messages
            slots[slots.count - 1].recipients += recipients
        } else {
            slots.append(Slot(start: start, length: Self.fine, messages: messages, recipients: recipients))
        }
    }

    func total(lastSeconds span: Int64, at now: WallTime) -> Total {
        slots.reduce(into: Total()) { total, slot in
            guard slot.start + slot.length > now.seconds - span else { return }
            total.messages += slot.messages
            total.recipients += slot.recipients
        }
    }

    /// Drops what is older than a day, and puts what is older than an hour into slots of an hour.
    ///
    /// What lies in the future, because a clock was set back, counts from now.
    private mutating func tidy(at now: WallTime) {
        var kept: [Slot] = []
        for var slot in slots {
            if slot.start > now.seconds { slot.start = Self.floor(now.seconds, slot.length) }
            guard slot.start + slot.length > now.seconds - Self.day else { continue }
            if slot.start + slot.length <= now.seconds - Self.hour {
                slot.start = Self.floor(slot.start, Self.hour)
                slot.length = Self.hour
            }
            if let last = kept.last, last.start == slot.start, last.length == slot.length {
                kept[kept.count - 1].messages += slot.messages
                kept[kept.count - 1].recipients += slot.recipients
            } else {
                kept.append(slot)
            }
        }
        slots = kept
    }

    private static func floor(_ seconds: Int64, _ length: Int64) -> Int64 { seconds - seconds % length }
}
