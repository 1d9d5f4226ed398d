// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Until when the peer's next record must be here.
///
/// Counts only while it is the peer that is awaited.
struct InputClock {
    private let limits: FramingLimits
    /// When the record now awaited began to be awaited.
    private var lineStart: NIODeadline?
    private var contentStart: NIODeadline?
    private var contentBytes = 0
    /// Since when it is the session that is awaited.
    private var pausedAt: NIODeadline?

    init(_ limits: FramingLimits) {
        self.limits = limits
    }

    mutating func contentArrived(_ octets: Int) { contentBytes &+= octets }

    /// Events went to the session: what comes next is a new record.
    mutating func delivered(at now: NIODeadline, isInContent: Bool) {
        lineStart = nil
        if !isInContent { contentStart = nil }
        pausedAt = now
    }

    /// The session wants more, and all that is here has been parsed.
    mutating func deadline(at now: NIODeadline, isInContent: Bool) -> NIODeadline {
        let pause = pausedAt.map { now - $0 } ?? .zero
        pausedAt = nil
        guard isInContent else {
            let start = lineStart ?? now
            lineStart = start
            return start + TimeAmount(limits.commandTimeout)
        }
        if contentStart == nil { contentBytes = 0 }
        let start = contentStart.map { $0 + pause } ?? now
        contentStart = start
        let earned = TimeAmount.seconds(Int64(contentBytes / max(1, limits.minimumBodyRate)))
        return min(now + TimeAmount(limits.bodyIdleTimeout), start + TimeAmount(limits.bodyGrace) + earned)
    }
}
