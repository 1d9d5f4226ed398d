// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy
import Vault

/// One copy that somebody works on: everything that a delivery, a report or a person needs to know about it.
///
/// A lease exists in memory only. It ends with ``QueueStore/settle(_:alsoEnqueue:)``, with
/// ``QueueStore/giveBack(_:)``, or with the process: then the copy is due again.
package struct LeasedCopy: Sendable {
    package let id: CopyID
    package let envelope: Envelope
    package let recipient: EmailAddress
    package let dsn: CopyDSN
    package let protection: String
    package let nextHopHint: String
    package let journey: CopyJourney
    package let nextHop: NextHopHash
    /// Bytes of the content.
    package let contentSize: Int
    /// Set while the copy is held.
    package let hold: HoldReason?
    /// Failed tries so far.
    package let attempts: Int
    package let firstFailure: WallTime?
    /// Whether the sender was told of the delay.
    package let delayWarned: Bool
    /// When an operator ended a hold of it.
    package let released: WallTime?
    /// What the other side said last, or why the copy was held or discarded.
    ///
    /// Text from outside.
    package let lastReply: Sensitive<String>?

    /// Row number: message number and index.
    let row: CopyRow
    /// The contents of the whole message, and the one that is this copy's.
    let contents: Range<Int64>
    let contentNumber: Int64
    let key: RecordKey
    /// Whether it has a progress row.
    let hasProgress: Bool
    /// The content itself when it still lies in memory.
    let fresh: [UInt8]?

    var progress: CopyProgress {
        CopyProgress(
            attempts: attempts,
            firstFailure: firstFailure,
            delayWarned: delayWarned,
            lastReply: lastReply?.exposed,
            hold: hold,
            released: released
        )
    }

    /// From when its tries count: its arrival, or the end of the last hold.
    package var triedSince: WallTime { max(envelope.arrival, envelope.released ?? .past, released ?? .past) }
}

extension WallTime {
    fileprivate static let past = WallTime(milliseconds: 0)
}

/// What became of one leased copy.
package struct CopyOutcome: Sendable {
    package enum Result: Sendable {
        /// The next hop took it; the copy is deleted. `reply` is kept for `trace` in memory only.
        case delivered(reply: String)
        /// To be tried again at `until`; counts as a try.
        case deferred(until: WallTime, reply: String, delayWarned: Bool = false)
        /// Given up; the copy is deleted. Whoever settles this way enqueues the report in the same call.
        case failed(reply: String)
        /// Waits until `until` without being tried. `delayWarned` remembers that the sender was told.
        case held(HoldReason, until: WallTime, reply: String = "", delayWarned: Bool = false)
        /// Ready again, due at once.
        case released
        /// Taken out by a named operator action; the copy is deleted.
        case dropped
        /// Given up where no report may be sent: kept sealed and counted until `until`, then deleted.
        case discarded(until: WallTime, reply: String)
        /// Another message, enqueued in the same call, takes its place (protected at last, say).
        case replaced(by: MessageID)
        /// Does not open; kept as it is and reported.
        case setAside
    }

    package let copy: LeasedCopy
    package let result: Result

    package init(_ copy: LeasedCopy, _ result: Result) {
        self.copy = copy
        self.result = result
    }
}

/// The row number of a copy: 47 bits of message number, 16 bits of index.
struct CopyRow: Hashable, Sendable, Comparable {
    let number: Int64

    static let mostCopies = 1 << 16

    init(number: Int64) { self.number = number }
    init(message: Int64, index: Int) { number = message << 16 | Int64(index) }

    var message: Int64 { number >> 16 }
    var index: Int { Int(number & 0xffff) }

    static func < (lhs: CopyRow, rhs: CopyRow) -> Bool { lhs.number < rhs.number }
}

/// The row number of a chunk: 43 bits of content number, 20 bits of index.
enum ChunkRow {
    /// Bytes of content in every chunk but the last.
    static let size = 65536
    static let mostChunks = 1 << 20

    static func number(content: Int64, index: Int) -> Int64 { content << 20 | Int64(index) }
    static func range(contents: Range<Int64>) -> (first: Int64, last: Int64) {
        (contents.lowerBound << 20, (contents.upperBound << 20) - 1)
    }

    /// How many chunks a content of `size` bytes has; an empty content has one, so that its end is sealed too.
    static func count(size: Int) -> Int { max(1, (size + Self.size - 1) / Self.size) }
}
