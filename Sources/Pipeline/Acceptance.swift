// SPDX-License-Identifier: Apache-2.0

/// What the pipeline says after end-of-data.
package enum Acceptance: Sendable {
    /// The message is durable. Only now may `250` be said.
    case accepted(ProtectionSummary)
    case refused(Refusal)
}

/// How many copies were treated how, by the word of their protection.
package struct ProtectionSummary: Sendable, Equatable {
    package private(set) var counts: [String: Int] = [:]
    private var encrypted = 0
    private var passed = 0
    private var clear = 0
    private var pending = 0
    private var refused = 0

    package init() {}

    mutating func add(_ protection: Protection) {
        counts["copies " + protection.word, default: 0] += 1
        switch protection {
        case .encrypt: encrypted += 1
        case .passThrough: passed += 1
        case .clear: clear += 1
        case .hold: pending += 1
        case .refuse: refused += 1
        }
    }

    /// The same for the sender to read: `2 encrypted, 1 pending, 1 clear`.
    package var outcome: String {
        let words = [
            (encrypted, "encrypted"), (passed, "already encrypted"), (pending, "pending"), (clear, "clear"),
            (refused, "refused"),
        ]
        return words.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
}

/// Why a message is not taken.
///
/// Nothing of it remains.
package enum Refusal: Error, Sendable, Equatable {
    /// More `Received` fields than the limit, or too many of them ours: a loop.
    case tooManyHops
    /// The filter has had the message as often as it takes one: a loop.
    case filteredBefore
    /// Our user's message has no From that can be read (RFC 6409 section 8.1 lets a server insist).
    case noFrom
    /// Our user's message has text where the header should be, and no empty line behind it.
    case noHeaderEnd
    /// From or Sender names an address that is not the signed-in user's.
    case fromNotYours
    /// A confirmed key of a recipient is expired or revoked, and the sender is a stranger.
    case keyUnusable
    /// The policy for a recipient asks for a key, none is known, and the sender is a stranger.
    case noKey
    /// What the author's domain asks for altered mail can't be found out, and a forward would alter it.
    case authorPolicyUnknown
    /// The copies would come to more than the budget for one message.
    case expandsTooFar
    /// Held messages have reached their quota.
    case tooManyHeld
    /// The disk is full.
    case storeFull
    /// Anything else that keeps the message from becoming durable.
    case unavailable
}
