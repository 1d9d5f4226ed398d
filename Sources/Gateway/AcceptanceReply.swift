// SPDX-License-Identifier: Apache-2.0

import Pipeline
import SMTPWire
import Store

/// The one place that turns what the pipeline says into a reply.
enum AcceptanceReply {
    static func reply(to acceptance: Acceptance, id: MessageID) -> Reply {
        switch acceptance {
        case .accepted: .queued(id.logText)
        case .refused(let refusal): reply(to: refusal)
        }
    }

    static func reply(to refusal: Refusal) -> Reply {
        switch refusal {
        case .tooManyHops: .tooManyHops
        case .filteredBefore: .filteredBefore
        case .noFrom: Reply(.permanent, 54, .contentOther, "the message has no From field that can be read")
        case .noHeaderEnd: Reply(.permanent, 54, .contentOther, "the message has no empty line between header and body")
        case .fromNotYours: Reply(.permanent, 50, .notAuthorized, "From or Sender is not an address of yours")
        case .keyUnusable: .keyUnusable
        case .noKey: .protectionRequired
        case .expandsTooFar:
            Reply(.transient, 52, .tooManyRecipients, "too large for so many recipients, send to fewer at a time")
        case .tooManyHeld: Reply(.transient, 52, .systemFull, "too many messages wait for a key, try again later")
        case .storeFull: .insufficientStorage
        case .unavailable: .localError
        }
    }
}
