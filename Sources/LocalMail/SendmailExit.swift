// SPDX-License-Identifier: Apache-2.0

package import SMTPWire

/// How `sendmail` ends (`sysexits.h`).
package enum SendmailExit: Int32, Sendable {
    case done = 0
    case usage = 64
    case badData = 65
    case noUser = 67
    case unavailable = 69
    case systemError = 71
    case tryAgain = 75
    case notAllowed = 77
    case settings = 78

    /// What a refusal of the gateway means to the program that sent.
    package init(refusal reply: RemoteReply) {
        guard reply.isPermanentFailure else {
            self = .tryAgain
            return
        }
        switch (reply.enhanced?.status.subject, reply.enhanced?.status.detail) {
        case (1, _): self = .noUser
        case (6, _), (3, 4): self = .badData
        case (7, 1): self = .notAllowed
        default: self = .unavailable
        }
    }
}

/// Why `sendmail` did not do what it was asked: one sentence.
package struct SendmailFailure: Error, Sendable, Equatable {
    package let exit: SendmailExit
    package let sentence: String

    package init(_ exit: SendmailExit, _ sentence: String) {
        self.exit = exit
        self.sentence = sentence
    }
}
