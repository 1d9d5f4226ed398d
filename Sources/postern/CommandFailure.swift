// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What `postern` returns to the shell; the values are those of `sysexits.h` where it has one.
enum ExitStatus: Int32 {
    case refused = 1
    case usage = 64
    case inputMissing = 66
    case noGateway = 69
    case cannotCreate = 73
    case notAllowed = 77
    case settings = 78
}

/// Why a command ended without doing what was asked: what, where, and how to mend it.
struct CommandFailure: Error {
    let status: ExitStatus
    /// Empty when all was said already.
    let sentence: String

    init(_ status: ExitStatus, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }

    /// The gateway's answer was of a kind that does not belong to the question.
    static let unexpectedAnswer = CommandFailure(
        .refused,
        "The gateway gave an answer that this command line does not know; are both of the same version?"
    )

    func end() -> Never {
        fflush(nil)
        if !sentence.isEmpty { Terminal.complain(sentence) }
        exit(status.rawValue)
    }
}
