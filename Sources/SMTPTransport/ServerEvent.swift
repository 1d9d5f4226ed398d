// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SMTPWire

/// What a client's bytes came to, in order.
package enum ServerEvent: Sendable {
    /// A command line. After DATA, STARTTLS, AUTH and QUIT nothing more is parsed until the reply has left.
    case command(SMTPCommand)
    /// A command line that was not understood: the reply to give is in the error.
    case badCommand(CommandError)
    /// A command line beyond its limit (``CommandLineLimit``); it has been thrown away.
    case lineTooLong
    /// Content of DATA (dot-stuffing undone) or BDAT: up to 16 KiB as they came, not lines.
    case bodyChunk(ByteBuffer)
    /// The end of DATA content, or of one BDAT chunk. After a `last` one nothing more is parsed until the reply has left.
    case bodyEnd(last: Bool)
    /// The answer to a 334, without CRLF, still in base64.
    case authLine(ByteBuffer)
    /// An answer to a 334 over 12,288 octets (RFC 4954 §4); it has been thrown away.
    case authLineTooLong
    /// TLS is up. The connection consumes this one itself.
    case tlsEstablished(TLSFacts)
    /// The peer let a deadline pass; nothing more comes. Answer 421 and close.
    case timedOut
    /// The listener is draining: answer 421 and close, now or after the transaction. Comes once, never within a body.
    case shutdownRequested
    /// The peer broke the framing; nothing more is parsed. Answer with ``FramingViolation/reply`` and close.
    case violation(FramingViolation)
}

/// What ends a connection because nothing after it could be trusted to mean what it says.
package enum FramingViolation: Error, Sendable, Hashable, CaseIterable {
    /// A CR without LF, in a command line or in content.
    case bareCarriageReturn
    /// A LF without CR, in a command line or in content.
    case bareLineFeed
    /// Bytes in the clear after STARTTLS (CVE-2011-0411).
    case bytesAfterStartTLS
    /// Content that was sent without waiting for 354, and DATA was refused: it would have been read as commands.
    case unsolicitedContent
    /// A BDAT whose size cannot be read: nobody knows how many octets follow.
    case malformedChunkSize
    /// A line that goes on beyond all patience.
    case endlessLine
    /// HTTP, TLS or other bytes that no SMTP client begins with.
    case otherProtocol

    /// What to say before closing.
    package var reply: Reply {
        switch self {
        case .bareCarriageReturn, .bareLineFeed: .bareLineEnding
        case .bytesAfterStartTLS: .bytesAfterStartTLS
        case .unsolicitedContent: .badSequence.saying("content before the go-ahead, closing")
        case .malformedChunkSize: .syntaxError.saying("bad chunk size, closing")
        case .endlessLine: .lineTooLong
        case .otherProtocol: .unrecognizedCommand.saying("not SMTP, closing")
        }
    }

    package var word: StaticString {
        switch self {
        case .bareCarriageReturn: "bare-cr"
        case .bareLineFeed: "bare-lf"
        case .bytesAfterStartTLS: "bytes-after-starttls"
        case .unsolicitedContent: "unsolicited-content"
        case .malformedChunkSize: "malformed-chunk-size"
        case .endlessLine: "endless-line"
        case .otherProtocol: "other-protocol"
        }
    }

    init(_ flaw: LineEndingFlaw) {
        switch flaw {
        case .bareCarriageReturn: self = .bareCarriageReturn
        case .bareLineFeed: self = .bareLineFeed
        }
    }
}
