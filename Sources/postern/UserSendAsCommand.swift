// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct UserSendAsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send-as",
        abstract: "Role addresses and domains that a user may send as.",
        discussion: """
            NAME is a user, or, with `[sign_in] dovecot`, the login of one at Dovecot. `postern user list` shows what \
            each may send as.

            Example: postern user send-as add carol office@example.org
            """,
        subcommands: [UserSendAsAddCommand.self, UserSendAsRemoveCommand.self]
    )
}

struct UserSendAsAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Let a user send as addresses that are not theirs.",
        discussion: """
            Example: postern user send-as add carol office@example.org '*@lists.example.org'
            Exit codes: 0 added; 1 no such user, or no address.
            """
    )

    @Argument(help: "The user.")
    var name: String

    @Argument(help: "Addresses, or *@example.org for all of a domain.")
    var addresses: [String]

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        print(try await Answers.find(place).sentence(.changeSendAs(name: name, add: addresses, remove: [])))
    }
}

struct UserSendAsRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take back what send-as allowed.",
        discussion: """
            Example: postern user send-as remove carol office@example.org
            Exit codes: 0 removed; 1 no such user.
            """
    )

    @Argument(help: "The user.")
    var name: String

    @Argument(help: "Addresses, or *@example.org, as they were added.")
    var addresses: [String]

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        print(try await Answers.find(place).sentence(.changeSendAs(name: name, add: [], remove: addresses)))
    }
}
