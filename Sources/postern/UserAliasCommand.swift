// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct UserAliasCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alias",
        abstract: "Addresses that stand for others.",
        discussion: """
            An alias may stand for several addresses, for other aliases, and for addresses elsewhere: those get \
            strangers' mail with a return path of ours (SRS). `*@DOMAIN` stands for every address of the domain that \
            is nobody's; without it such mail is refused.

            Example: postern user alias add team@example.org carol@example.org dave@example.net
            """,
        subcommands: [UserAliasAddCommand.self, UserAliasRemoveCommand.self, UserAliasListCommand.self]
    )
}

/// What a command that only does something tells.
struct Done: Encodable {
    let done: String
}

struct UserAliasAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Make an address stand for others; an alias that is there gets the new targets.",
        discussion: """
            Example: postern user alias add team@example.org carol@example.org dave@example.net
            Example: postern user alias add '*@example.org' carol@example.org
            Exit codes: 0 added; 1 the address is a user's, no address of a domain of ours, or its mail would come back \
            to it in a circle.
            """
    )

    @Argument(help: "The alias; `*@DOMAIN` for all that is nobody's.")
    var address: String

    @Argument(help: "Where its mail goes.")
    var targets: [String]

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let done = try await Answers.find(place).sentence(.addAlias(address: address, targets: targets))
        try output.show(Done(done: done)) { done }
    }
}

struct UserAliasRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an alias.",
        discussion: "Example: postern user alias remove team@example.org\nExit codes: 0 removed; 1 no such alias."
    )

    @Argument(help: "The alias.")
    var address: String

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let done = try await Answers.find(place).sentence(.removeAlias(address: address))
        try output.show(Done(done: done)) { done }
    }
}

struct UserAliasListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the aliases and what they stand for.",
        discussion: "Example: postern user alias list\nExit codes: 0 listed."
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .users(_, let aliases) = try await Answers.find(place).ask(.listUsers) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(aliases) {
            guard !aliases.isEmpty else { return "There are no aliases; `postern user alias add` adds one." }
            var table = TextTable("ALIAS", "STANDS FOR")
            for alias in aliases { table.add(alias.address, alias.targets.joined(separator: ", ")) }
            return table.text()
        }
    }
}
