// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

/// The command that holds all others.
struct Postern: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postern",
        abstract: "A privacy gateway for mail.",
        discussion: """
            Takes mail in over SMTP, removes what betrays the sender, encrypts with OpenPGP whatever it can, keeps \
            nothing readable, and hands mail on.

            Try it:            postern up
            Set it up:         postern init --for relay --level 2 /etc/postern
            See how it does:   postern status
            Find a message:    postern trace ID     (the id in the 250 that the sender got)

            Commands find the gateway by --config FILE or --data DIR. Without either it is the one with its data in \
            ./postern-data, else the one with its settings in /etc/postern/postern.toml; `up` alone starts nothing but \
            the first.

            Exit codes: 0 done; 1 refused, or the answer is no; 64 wrong usage; 66 a file to read is missing; 69 no \
            gateway runs; 73 a file can't be written; 77 not allowed; 78 the settings are wrong.
            """,
        version: "postern " + PosternVersion.text,
        subcommands: [VersionCommand.self, CompletionCommand.self, ManualCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Running",
                subcommands: [
                    UpCommand.self, InitCommand.self, CheckCommand.self, ReloadCommand.self, LockCommand.self,
                    UnlockCommand.self,
                ]
            ),
            CommandGroup(name: "Sending", subcommands: [SendmailCommand.self]),
            CommandGroup(
                name: "Looking",
                subcommands: [
                    StatusCommand.self, MetricsCommand.self, LogCommand.self, TraceCommand.self, ExplainCommand.self,
                    ProbeCommand.self, ReportCommand.self,
                ]
            ),
            CommandGroup(
                name: "Keeping",
                subcommands: [
                    KeysCommand.self, TLSCommand.self, UserCommand.self, QueueCommand.self, PeersCommand.self,
                    StatementCommand.self, RatchetCommand.self, VaultCommand.self,
                ]
            ),
        ]
    )
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version.",
        discussion: "Example: postern version\nExit codes: 0."
    )

    func run() { print("postern " + PosternVersion.text) }
}
