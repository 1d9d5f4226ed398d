// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What a client is expected to send next.
package enum ExpectedInput: Sendable, Hashable {
    /// Command lines.
    case commands
    /// Content up to `CRLF.CRLF`, after a 354.
    case body
    /// One line, after a 334.
    case authLine
}

/// What the session hands to the framing handler: bytes to send and what to do with the input after that.
struct ServerAction: Sendable {
    enum Then: Sendable, Hashable {
        /// Go on as before.
        case unchanged
        case expect(ExpectedInput)
        case startTLS
        case close
    }

    var bytes: ByteBuffer
    var then: Then
}
