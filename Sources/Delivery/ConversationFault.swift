// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Privacy
import SMTPTransport
import SMTPWire

/// Why no conversation with a peer came about, or why it broke.
struct ConversationFault: Error, Sendable {
    let fault: DeliveryOutcome.Fault
    /// The other side says for good that it takes no mail (521, RFC 7504): when no other host does, the copy fails.
    var isPermanent = false
    /// The handshake failed, so that trying without TLS may help.
    var isTLSFailure = false
    /// Nothing came back in time: do not wait for this host again soon.
    var isSlow = false

    var outcome: DeliveryOutcome { isPermanent ? .failed(fault) : .deferred(fault) }

    init(_ fault: DeliveryOutcome.Fault, isPermanent: Bool = false) {
        self.fault = fault
        self.isPermanent = isPermanent
    }

    /// A refusal before any recipient was named, at the greeting, EHLO or STARTTLS.
    init(refusal reply: RemoteReply, host: Sensitive<String>?) {
        let status = ReplyMeaning.status(of: reply)
        self.fault = DeliveryOutcome.Fault(
            status == .other ? .systemNotAccepting : status,
            .hostUnavailable,
            reply: reply,
            host: host
        )
        self.isPermanent = reply.code == 521
    }

    /// The channel is not what was decided.
    init(_ fault: ChannelFault, host: Sensitive<String>?, hellos: String? = nil) {
        self.fault = DeliveryOutcome.Fault(
            EnhancedStatus(fault.status.subject, fault.status.detail),
            FaultCause(fault),
            host: host,
            channel: fault,
            hellos: hellos
        )
        self.isPermanent = fault.isFinal
    }

    init(_ error: ClientError, host: Sensitive<String>?) {
        let status: EnhancedStatus
        let cause: FaultCause
        switch error {
        case .lost: (status, cause) = (.badConnection, .connectionLost)
        case .timedOut: (status, cause) = (.badConnection, .timedOut)
        case .cancelled: (status, cause) = (.badConnection, .cancelled)
        case .malformedReply, .unexpectedReply, .notPossible: (status, cause) = (.protocolOther, .protocolError)
        case .tlsFailed(.timedOut): (status, cause) = (.badConnection, .timedOut)
        case .tlsFailed: (status, cause) = (.cryptographicFailure, .tlsFailed)
        }
        self.fault = DeliveryOutcome.Fault(status, cause, host: host)
        self.isTLSFailure = ConversationFault.isTLS(error)
        self.isSlow = ConversationFault.isSlow(error)
    }

    private static func isSlow(_ error: ClientError) -> Bool {
        switch error {
        case .timedOut, .tlsFailed(.timedOut): true
        default: false
        }
    }

    /// A server that cannot do TLS may also just hang up, or stay silent, in the middle of the handshake.
    private static func isTLS(_ error: ClientError) -> Bool {
        switch error {
        case .tlsFailed, .lost(.handshake), .timedOut(.handshake): true
        default: false
        }
    }
}
