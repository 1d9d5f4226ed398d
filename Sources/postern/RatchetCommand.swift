// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct RatchetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ratchet",
        abstract: "Where mail was encrypted, and so must be again.",
        discussion: """
            Mail that was handed over inside TLS in the last 90 days is never sent in clear to the same host for the same \
            domain. A domain that gave TLS up on purpose can be forgotten.

            Example: postern ratchet list
            """,
        subcommands: [RatchetListCommand.self, RatchetForgetCommand.self]
    )
}

struct RatchetListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List domains and hosts.",
        discussion: "Example: postern ratchet list --json\nExit codes: 0 listed."
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .ratchet(let entries) = try await Answers.find(place).ask(.listRatchet) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(entries) {
            guard !entries.isEmpty else { return "Nothing was encrypted yet." }
            return entries.map { entry in
                "\(entry.domain) by \(entry.host): encrypted \(PlainText.day(entry.lastEncrypted)), holds until "
                    + PlainText.day(entry.holdsUntil)
            }.joined(separator: "\n")
        }
    }
}

struct RatchetForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Forget that mail for a domain was encrypted.",
        discussion: """
            DANE, MTA-STS, pins and rules hold all the same.

            Example: postern ratchet forget example.org --host mx1.example.org
            Exit codes: 0 forgotten; 1 nothing was known.
            """
    )

    @Argument(help: "The recipient domain.")
    var domain: String

    @Option(help: ArgumentHelp("One mail host; without it all of the domain's.", valueName: "name"))
    var host: String?

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        print(try await Answers.find(place).sentence(.forgetRatchet(domain: domain, host: host)))
    }
}
