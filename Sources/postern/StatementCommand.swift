// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChannelPolicy
import Control

struct StatementCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statement",
        abstract: "Our own signed statement for peers: make it here, sign it elsewhere.",
        discussion: """
            `make` writes on the server what is to be signed; `sign` signs it where your OpenPGP key is; any web server then \
            serves the result at https://DOMAIN/.well-known/providers-commitment. The primary key can stay offline: a signing \
            subkey is enough.

            Example: postern statement make > payload.json
            The format: docs/commitment-statement.md.
            """,
        subcommands: [StatementMakeCommand.self, StatementSignCommand.self, StatementShowCommand.self]
    )
}

struct StatementMakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make",
        abstract: "Print what is to be signed: domain, level, mail hosts, pins, dates.",
        discussion: """
            The serial rises with each one that is made. A next key counts for others seven days after they first saw it \
            announced.

            Example: postern statement make --domain example.org --mx mx1.example.org --mx mx2.example.org > payload.json
            Exit codes: 0 printed; 1 refused, and why.
            """
    )

    @Option(help: ArgumentHelp("For which domain; else the one in `accept`.", valueName: "domain"))
    var domain: String?

    @Option(
        help: ArgumentHelp("A mail host of the domain; more than one may be given. Else this host.", valueName: "host")
    )
    var mx: [String] = []

    @Option(
        help: ArgumentHelp(
            "The key of another mail host of the domain, beside this gateway's; more than one may be given.",
            valueName: "spki:hex"
        )
    )
    var pin: [String] = []

    @Option(
        help: ArgumentHelp(
            "A key that the mail hosts may show next; more than one may be given.",
            valueName: "spki:hex"
        )
    )
    var nextPin: [String] = []

    @Option(help: ArgumentHelp("The onion address of the mail host.", valueName: "address"))
    var onion: String?

    @Option(help: ArgumentHelp("How long it holds: 14 to 60 days.", valueName: "days"))
    var days = 30

    @Option(help: ArgumentHelp("The fingerprint of the primary key that will sign later.", valueName: "fingerprint"))
    var nextKey: String?

    @OptionGroup var place: GatewayPlace

    func validate() throws {
        guard !(CommitmentStatement.minDays...CommitmentStatement.maxDays).contains(days) else { return }
        throw ValidationError("--days \(days) is not allowed; a statement holds for 14 to 60 days.")
    }

    func run() async throws {
        var wishes = StatementWishes()
        wishes.domain = domain
        wishes.mailHosts = mx
        wishes.pins = pin
        wishes.nextPins = nextPin
        wishes.onion = onion
        wishes.days = days
        wishes.nextKey = nextKey
        guard case .exported(let payload) = try await Answers.find(place).ask(.makeStatement(wishes)) else {
            throw CommandFailure.unexpectedAnswer
        }
        print(payload, terminator: "")
    }
}
