// SPDX-License-Identifier: Apache-2.0

import Pipeline
import SMTPWire
import Store

/// The one place that turns what the pipeline says into a reply.
enum AcceptanceReply {
    /// `tellsOutcome`: to a signed-in user, how the copies are protected.
    static func reply(to acceptance: Acceptance, id: MessageID, tellsOutcome: Bool = false) -> Reply {
        switch acceptance {
        case .accepted(let summary) where tellsOutcome && !summary.outcome.isEmpty:
            Reply.queued(id.logText).saying(summary.outcome + "; queued as " + id.logText)
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
        case .authorPolicyUnknown: .authorPolicyUnknown
        case .expandsTooFar:
            Reply(.transient, 52, .tooManyRecipients, "too large for so many recipients, send to fewer at a time")
        case .tooManyHeld: Reply(.transient, 52, .systemFull, "too many messages wait for a key, try again later")
        case .storeFull: .insufficientStorage
        case .unavailable: .localError
        }
    }
}

extension Reply {
    /// X.4.3: the directory server did not answer.
    static let authorPolicyUnknown = Reply(
        .transient,
        51,
        EnhancedStatus(4, 3),
        "cannot find out the author domain's policy now, try again later"
    )
}
