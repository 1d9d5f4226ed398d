// SPDX-License-Identifier: Apache-2.0

package import Privacy

/// What became of copies that have left the queue, for `postern trace`: the newest 10,000, for a day, in memory only.
///
/// A restart forgets them. That is the price of not keeping a record on the disk of who wrote to whom.
struct OutcomeRing {
    static let capacity = 10_000
    static let longestSeconds: Int64 = 86400

    private var entries: [TraceEntry] = []
    private var next = 0

    mutating func insert(_ entry: TraceEntry) {
        if entries.count < Self.capacity {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % Self.capacity
        }
    }

    func entries(of message: MessageID) -> [TraceEntry] {
        entries.filter { $0.copy?.message == message }
    }

    mutating func forget(before time: WallTime) {
        guard entries.contains(where: { $0.changed < time }) else { return }
        let ordered = Array(entries[next...] + entries[..<next])
        entries = ordered.filter { $0.changed >= time }
        next = 0
    }
}

/// One copy as `trace` and `queue list` show it.
package struct TraceEntry: Sendable {
    /// A fixed word.
    package enum State: String, Sendable, Codable {
        case ready, leased, held, discarded
        case setAside = "set-aside"
        case delivered, failed, dropped, replaced
    }

    /// Nil when the row does not open.
    package let copy: CopyID?
    package let state: State
    package let recipient: Sensitive<String>?
    package let sender: Sensitive<String>?
    package let protection: String
    package let nextHopHint: Sensitive<String>
    package let nextHop: NextHopHash?
    package let hold: HoldReason?
    package let attempts: Int
    /// The next try, the end of a hold, or the end of a discard.
    package let due: WallTime?
    package let lastReply: Sensitive<String>?
    package let arrival: WallTime
    /// Bytes.
    package let size: Int
    /// When the copy left; for one that is in the queue, its arrival.
    package let changed: WallTime
    /// For a replaced copy: the message that took its place.
    package let replacement: MessageID?

    /// What can be said of a copy whose rows do not open.
    static let unreadable = TraceEntry(
        copy: nil,
        state: .setAside,
        recipient: nil,
        sender: nil,
        protection: "unknown",
        nextHopHint: Sensitive(""),
        nextHop: nil,
        hold: nil,
        attempts: 0,
        due: nil,
        lastReply: nil,
        arrival: WallTime(milliseconds: 0),
        size: 0,
        changed: WallTime(milliseconds: 0),
        replacement: nil
    )
}
