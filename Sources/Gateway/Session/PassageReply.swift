// SPDX-License-Identifier: Apache-2.0

import Delivery
import SMTPWire
import Store

/// What a client hears of the next hop that its message was handed on to.
enum PassageReply {
    /// The answer for one recipient.
    static func reply(to outcome: DeliveryOutcome, id: MessageID) -> Reply {
        switch outcome {
        case .delivered: return .passedOn(id.logText)
        case .failed(let fault):
            if let reply = fault.reply { return .refusedByNextHop(reply) }
            return Reply(.permanent, 54, fault.status, FaultSentence.sentence(for: fault))
        case .deferred(let fault):
            guard let reply = fault.reply, reply.isTransientFailure, reply.code != 421 else {
                return Reply(.transient, 51, fault.status, FaultSentence.sentence(for: fault))
            }
            return Reply(.transient, reply.code % 100, fault.status, "from the next server: " + reply.text)
        }
    }

    /// The one answer for all recipients: yes when the next hop took it for any of them; what it may take later before
    /// what it never will.
    static func reply(to outcomes: [DeliveryOutcome], id: MessageID) -> Reply {
        let replies = outcomes.map { reply(to: $0, id: id) }
        return replies.first { $0.class == .success } ?? replies.first { $0.class == .transient } ?? replies.first
            ?? .localError
    }
}

extension Reply {
    /// A refusal of the next hop, in its own words and codes.
    static func refusedByNextHop(_ reply: RemoteReply) -> Reply {
        let status = reply.enhanced.flatMap { $0.class == 5 ? $0.status : nil } ?? .badMailbox
        let text = reply.text.isEmpty ? "refused by the next server" : "refused by the next server: " + reply.text
        return Reply(.permanent, reply.code % 100, status, text)
    }
}

extension RemoteReply {
    fileprivate var text: String { lines.filter { !$0.isEmpty }.joined(separator: " ") }
}
