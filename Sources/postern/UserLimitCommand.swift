// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct UserLimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Let a user send several times what [limits.account] says.",
        discussion: """
            For a newsletter's account, say. NAME is a user, or, with `[sign_in] dovecot`, the login of one at Dovecot. A \
            soft start holds all the same.

            Example: postern user limit newsletter 10
            Exit codes: 0 done; 1 no such user, or no such number.
            """
    )

    @Argument(help: "The user.")
    var name: String

    @Argument(help: "How many times the limits, 1 to 1000; 1 is as everybody.")
    var times: Int

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        print(try await Answers.find(place).sentence(.setLimit(name: name, times: times)))
    }
}
