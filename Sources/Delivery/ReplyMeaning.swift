// SPDX-License-Identifier: Apache-2.0

import Privacy
import SMTPWire

/// What a server's reply means for a copy (RFC 5321 §4.2.1, §4.3.2).
enum ReplyMeaning {
    /// The outcome of a reply that was the last word for a recipient.
    ///
    /// An intermediate reply has no place there and defers.
    static func outcome(_ reply: RemoteReply, from host: Sensitive<String>?, relayedDSN: Bool) -> DeliveryOutcome {
        if reply.isSuccess {
            return .delivered(DeliveryOutcome.Acceptance(reply: reply, host: host, relayedDSN: relayedDSN))
        }
        if reply.isPermanentFailure && !isTooManyRecipients(reply) {
            return .failed(DeliveryOutcome.Fault(status(of: reply), .refusedByHost, reply: reply, host: host))
        }
        let cause: FaultCause =
            reply.isIntermediate ? .protocolError : reply.code == 421 ? .hostUnavailable : .refusedByHost
        return .deferred(DeliveryOutcome.Fault(status(of: reply), cause, reply: reply, host: host))
    }

    /// The reply's own enhanced code when its class agrees with the basic code, else what the basic code stands for.
    static func status(of reply: RemoteReply) -> EnhancedStatus {
        if let enhanced = reply.enhanced, enhanced.class == reply.code / 100 { return enhanced.status }
        return switch reply.code {
        case 421: .systemNotAccepting
        case 452: .systemFull
        case 552: .mailboxFull
        case 500...504: .protocolOther
        default: .other
        }
    }

    /// 552 with the detail "too many recipients": RFC 821 had that code for it and some servers still do; it means "later".
    static func isTooManyRecipients(_ reply: RemoteReply) -> Bool {
        reply.code == 552 && reply.enhanced?.status == .tooManyRecipients
    }

    /// RCPT was refused only because this transaction has enough of them (RFC 5321 §4.5.3.1.10): the rest goes in the next one.
    static func endsRecipientList(_ reply: RemoteReply) -> Bool {
        reply.code == 452 || isTooManyRecipients(reply) || (reply.code == 552 && reply.enhanced == nil)
    }
}
