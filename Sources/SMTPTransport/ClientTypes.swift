// SPDX-License-Identifier: Apache-2.0

package import Mail
package import NIOSSL
package import SMTPWire

/// How long a client waits, stage by stage (RFC 5321 §4.5.3.2).
package struct ClientTimeouts: Sendable {
    package var greeting: Duration = .seconds(300)
    /// For EHLO, AUTH, STARTTLS, RSET and the like.
    package var command: Duration = .seconds(300)
    package var tlsHandshake: Duration = .seconds(60)
    package var mail: Duration = .seconds(300)
    package var rcpt: Duration = .seconds(300)
    package var data: Duration = .seconds(120)
    /// For one block of content to leave.
    package var block: Duration = .seconds(180)
    /// For the answer to the end of content.
    package var end: Duration = .seconds(600)
    /// For QUIT: nothing depends on its answer.
    package var quit: Duration = .seconds(5)

    package init() {}

    /// The same, none longer than `limit`; for call-aheads and tests.
    package func capped(at limit: Duration) -> ClientTimeouts {
        var capped = self
        for path in [
            \ClientTimeouts.greeting, \.command, \.tlsHandshake, \.mail, \.rcpt, \.data, \.block, \.end, \.quit,
        ] { capped[keyPath: path] = min(capped[keyPath: path], limit) }
        return capped
    }
}

/// Where in a conversation something happened.
package enum ClientStage: String, Sendable, Hashable {
    case connect, greeting, hello, startTLS, handshake, auth, reset, mail, rcpt, data
    /// While the content was being sent.
    case content
    /// After the content had been sent whole: the other side may have taken the message.
    case end
}

/// What keeps a conversation from going on.
///
/// A refusal by the other side is no error but a reply.
package enum ClientError: Error, Sendable, Hashable {
    /// The connection was closed or reset.
    case lost(ClientStage)
    case timedOut(ClientStage)
    /// The task was cancelled; the connection is closed.
    case cancelled(ClientStage)
    /// What came is no SMTP reply.
    case malformedReply(ReplyError, ClientStage)
    /// More came than was asked for: replies in the clear behind the 220 to STARTTLS (CVE-2021-38371), or out of turn.
    case unexpectedReply(ClientStage)
    case tlsFailed(TLSFailure)
    /// Asked for something that needs TLS, or an extension that was not offered.
    case notPossible(ClientStage)
}

/// How to bring TLS up on a client connection; made by `Dial`.
package struct ClientTLS: Sendable {
    package enum Verification: Sendable {
        /// Any certificate will do for the handshake; the chain is in the ``TLSFacts``, for the caller to judge.
        case acceptAny
        /// Chain and name by the context's settings.
        case byContext
    }

    package let context: NIOSSLContext
    /// For SNI and, with ``Verification/byContext``, the name to verify.
    ///
    /// Never an IP address.
    package let serverName: String?
    package let verification: Verification

    package init(context: NIOSSLContext, serverName: String?, verification: Verification) {
        self.context = context
        self.serverName = serverName
        self.verification = verification
    }
}

/// What MAIL and RCPT are made from.
package struct ClientEnvelope: Sendable {
    package struct Recipient: Sendable {
        package var address: EmailAddress
        package var notify: Notify?
        package var orcpt: OriginalRecipient?

        package init(_ address: EmailAddress, notify: Notify? = nil, orcpt: OriginalRecipient? = nil) {
            self.address = address
            self.notify = notify
            self.orcpt = orcpt
        }
    }

    package var reversePath: ReversePath
    package var recipients: [Recipient]
    /// The content holds octets above 127: needs 8BITMIME.
    package var isEightBit: Bool
    /// An address or a header field is not ASCII: needs SMTPUTF8.
    package var needsSMTPUTF8: Bool
    package var ret: DSNReturn?
    package var envid: String?
    /// What XFORWARD tells of the client that the message came from first; nil: nothing.
    package var client: ForwardedClient?
    /// Say REQUIRETLS (RFC 8689): only where the other side offers it inside TLS.
    package var requireTLS: Bool

    package init(
        reversePath: ReversePath,
        recipients: [Recipient],
        isEightBit: Bool = false,
        needsSMTPUTF8: Bool = false,
        ret: DSNReturn? = nil,
        envid: String? = nil,
        client: ForwardedClient? = nil,
        requireTLS: Bool = false
    ) {
        self.reversePath = reversePath
        self.recipients = recipients
        self.isEightBit = isEightBit
        self.needsSMTPUTF8 = needsSMTPUTF8
        self.ret = ret
        self.envid = envid
        self.client = client
        self.requireTLS = requireTLS
    }
}

/// What became of one recipient.
package enum RecipientResult: Sendable, Hashable {
    /// The other side has taken the message for this recipient.
    case accepted(RemoteReply)
    /// It refused, for now or for good by the reply's class, at this stage.
    case refused(RemoteReply, ClientStage)
    /// The conversation broke. After ``ClientStage/end`` the message may have arrived all the same.
    case broken(ClientError)
    /// Never sent: the other side does not offer what the message needs.
    case unsupported(Requirement)
    /// Never sent whole: the content holds a bare CR or LF.
    case flawedContent(LineEndingFlaw)
    /// Never sent whole: our own source could not be read.
    case unreadableContent

    package var isAccepted: Bool { if case .accepted = self { true } else { false } }

    /// What a message may need of the other side.
    package enum Requirement: Sendable, Hashable {
        /// 5.6.3
        case eightBitMIME
        /// 5.6.7 or 5.6.9
        case smtpUTF8
        /// 5.3.4; the limit that was offered, in octets.
        case size(limit: Int)
    }
}

/// What became of one transaction.
package struct TransactionResult: Sendable {
    /// In the order of the envelope's recipients.
    package let recipients: [RecipientResult]
    /// Whether the connection can carry another transaction.
    package let isConnectionUsable: Bool
}
