// SPDX-License-Identifier: Apache-2.0

import Privacy
import SMTPTransport
import SMTPWire

/// What one recipient's result in a transaction leads to.
///
/// Pure.
enum NextStep: Sendable {
    case settled(DeliveryOutcome)
    /// Not refused for itself: goes into the next transaction on a connection like this.
    case again
    /// The connection was stale: goes into a transaction on a new connection, to the same host.
    case reconnect
    /// This host did not do it: another may.
    case nextHost(ConversationFault)
}

/// Reads a transaction's results.
struct TransactionReading: Sendable {
    /// The connection had waited in the pool before.
    let isReused: Bool
    let relaysDSN: Bool
    let host: Sensitive<String>
    /// Some recipient got past RCPT: a refusal of another for being one too many is then no verdict on it.
    let tookSome: Bool
    let isConnectionUsable: Bool

    init(_ result: TransactionResult, isReused: Bool, relaysDSN: Bool, host: Sensitive<String>) {
        self.isReused = isReused
        self.relaysDSN = relaysDSN
        self.host = host
        self.isConnectionUsable = result.isConnectionUsable
        self.tookSome = result.recipients.contains { recipient in
            switch recipient {
            case .accepted, .refused(_, .end), .refused(_, .data): true
            default: false
            }
        }
    }

    func step(_ result: RecipientResult) -> NextStep {
        switch result {
        case .accepted(let reply): .settled(ReplyMeaning.outcome(reply, from: host, relayedDSN: relaysDSN))
        case .refused(let reply, let stage): refused(reply, stage)
        case .broken(let error): broken(error)
        case .unsupported(let requirement): .settled(.failed(unsupported(requirement)))
        case .flawedContent: .settled(.failed(.init(.contentOther, .flawedContent)))
        case .unreadableContent: .settled(.deferred(.init(.systemOther, .unreadable)))
        }
    }

    private func refused(_ reply: RemoteReply, _ stage: ClientStage) -> NextStep {
        if reply.code == 421 {
            // A server that closes an idle connection says so to the next command.
            if isReused && (stage == .mail || stage == .reset) { return .reconnect }
            return .nextHost(ConversationFault(refusal: reply, host: host))
        }
        if stage == .rcpt && tookSome && isConnectionUsable && ReplyMeaning.endsRecipientList(reply) { return .again }
        return .settled(ReplyMeaning.outcome(reply, from: host, relayedDSN: false))
    }

    private func broken(_ error: ClientError) -> NextStep {
        let fault = ConversationFault(error, host: host)
        switch error {
        case .lost(.end), .timedOut(.end):
            // The other side may have the message. Another host now would make a duplicate likely; later it is less so.
            return .settled(.deferred(fault.fault))
        case .cancelled: return .settled(.deferred(fault.fault))
        case .lost, .unexpectedReply: return isReused ? .reconnect : .nextHost(fault)
        default: return .nextHost(fault)
        }
    }

    private func unsupported(_ requirement: RecipientResult.Requirement) -> DeliveryOutcome.Fault {
        switch requirement {
        case .eightBitMIME: DeliveryOutcome.Fault(.conversionNotSupported, .eightBitBody, host: host)
        case .smtpUTF8: DeliveryOutcome.Fault(.nonASCIIAddress, .nonASCIIAddress, host: host)
        case .size: DeliveryOutcome.Fault(.messageTooLargeForSystem, .tooLarge, host: host)
        }
    }
}
