// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Mail that waits.",
        discussion: """
            States: ready (due now or at its next try), held (waits for you or for a key), leased (on its way), set-aside \
            (its record does not open).

            Example: postern queue list --state held
            An ID is a message's id; ID/N is its copy number N.
            """,
        subcommands: [
            QueueListCommand.self, QueueShowCommand.self, QueueRetryCommand.self, QueueHoldCommand.self,
            QueueReleaseCommand.self, QueueDropCommand.self, QueueDiscardedCommand.self,
        ]
    )
}

struct QueueListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List waiting copies, oldest first.",
        discussion: """
            Without --addresses nobody is named: a next hop is a keyed hash, and of a reply only the codes are shown.

            Example: postern queue list --state ready --older 2h --addresses
            Exit codes: 0 listed; 64 addresses were asked for where there is no terminal.
            """
    )

    @OptionGroup var filter: QueueFilterOptions

    @Option(help: ArgumentHelp("At most so many.", valueName: "n"))
    var limit = 200

    @Flag(exclusivity: .exclusive)
    var addresses: AddressDisclosure?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit \(limit) lists nothing; use a number above 0.") }
    }

    func run() async throws {
        let isNamed = try addresses.isGranted()
        let filter = filter.filter(limit: limit, withAddresses: isNamed)
        guard case .queue(let entries) = try await Answers.find(place).ask(.listQueue(filter)) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(entries) {
            guard !entries.isEmpty else { return "Nothing waits." }
            let text = Self.text(entries)
            return entries.count < limit ? text : text + "\n(cut after \(limit); --limit N shows more)"
        }
    }

    static func text(_ entries: [QueueEntry]) -> String {
        var table = TextTable("ID/COPY", "STATE", "PROTECTION", "AGE", "TRIES", "NEXT", "HOP", "LAST REPLY")
        for entry in entries {
            table.add(
                "\(entry.id)/\(entry.copy)",
                entry.state,
                entry.protection,
                PlainText.span(PlainText.now() - entry.arrived),
                "\(entry.attempts)",
                entry.nextTry.map(PlainText.fromNow) ?? "-",
                entry.hop ?? "-",
                entry.lastReply ?? ""
            )
            if entry.sender != nil || entry.recipient != nil {
                table.addLine("    <\(entry.sender ?? "")> to <\(entry.recipient ?? "")>")
            }
        }
        return table.text()
    }
}

struct QueueShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the copies of one message.",
        discussion:
            "Example: postern queue show k7mnp3qrstuvwxyz --addresses\nExit codes: 0 shown; 1 no such message waits."
    )

    @Argument(help: "A message's id.")
    var id: String

    @Flag(exclusivity: .exclusive)
    var addresses: AddressDisclosure?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let request = ControlRequest.showQueued(id: id, withAddresses: try addresses.isGranted())
        guard case .queue(let entries) = try await Answers.find(place).ask(request) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(entries) { entries.map(Self.text).joined(separator: "\n\n") }
    }

    static func text(_ entry: QueueEntry) -> String {
        var pairs = [
            ("copy", "\(entry.id)/\(entry.copy)"), ("state", entry.state), ("protection", entry.protection),
            ("arrived", PlainText.moment(entry.arrived)), ("tries", "\(entry.attempts)"),
            ("next try", entry.nextTry.map { "\(PlainText.moment($0)) (\(PlainText.fromNow($0)))" } ?? "-"),
            ("next hop", entry.hop ?? "-"), ("last reply", entry.lastReply ?? "-"),
        ]
        if let sender = entry.sender { pairs.append(("sender", "<\(sender)>")) }
        if let recipient = entry.recipient { pairs.append(("recipient", "<\(recipient)>")) }
        return PlainText.pairs(pairs)
    }
}

struct QueueDiscardedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discarded",
        abstract: "List what ended where the RFCs forbid a bounce, or read one of them; for seven days.",
        discussion: "Example: postern queue discarded\nExit codes: 0 shown; 1 no such message."
    )

    @Argument(help: "Print the beginning of this message, instead of the list.")
    var id: String?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let answers = try await Answers.find(place)
        if let id { return try await Self.read(id, answers) }
        guard case .discarded(let entries) = try await answers.ask(.listDiscarded) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(entries) {
            guard !entries.isEmpty else { return "Nothing was discarded in the last seven days." }
            var table = TextTable("ID/COPY", "ARRIVED", "BYTES", "WHY")
            for entry in entries {
                table.add(entry.id, PlainText.moment(entry.arrived), "\(entry.bytes)", entry.reason)
            }
            return table.text()
        }
    }

    private static func read(_ id: String, _ answers: Answers) async throws {
        guard case .exported(let text) = try await answers.ask(.readDiscarded(id: id)) else {
            throw CommandFailure.unexpectedAnswer
        }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        for line in lines { print(Terminal.outputIsTerminal ? PlainText.printable(String(line)) : String(line)) }
    }
}
