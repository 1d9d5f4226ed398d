// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "The certificates that mail is encrypted to.",
        discussion: """
            Example: postern keys import bob.asc
            A KEY is a fingerprint, at least its last 16 digits, or an address.
            """,
        subcommands: [
            KeysImportCommand.self, KeysListCommand.self, KeysShowCommand.self, KeysRemoveCommand.self,
            KeysExportCommand.self,
        ]
    )
}

struct KeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the certificates.",
        discussion: "Example: postern keys list --json\nExit codes: 0 listed."
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .keys(let keys) = try await Answers.find(place).ask(.listKeys) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(keys) {
            guard !keys.isEmpty else { return "The keyring is empty; `postern keys import FILE` fills it." }
            var table = TextTable("KEY", "STATE", "EXPIRES", "ADDRESSES")
            for key in keys {
                table.add(
                    String(key.fingerprint.suffix(16)),
                    key.usable ? "usable" : "unusable",
                    key.expires.map(PlainText.day) ?? "never",
                    key.addresses.joined(separator: ", ")
                )
            }
            return table.text()
        }
    }
}

struct KeysShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show all about the certificates of a KEY.",
        discussion: "Example: postern keys show bob@postern.test\nExit codes: 0 shown; 1 no such key."
    )

    @Argument(help: "A fingerprint, at least its last 16 digits, or an address.")
    var key: String

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .keys(let keys) = try await Answers.find(place).ask(.showKey(selector: key)) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(keys) { keys.map(Self.text).joined(separator: "\n\n") }
    }

    static func text(_ key: KeySummary) -> String {
        var pairs = [("fingerprint", key.fingerprint)]
        pairs += key.userIDs.map { ("user ID", $0) }
        pairs += key.addresses.map { ("address", $0) }
        pairs.append(("created", PlainText.moment(key.created)))
        pairs.append(("expires", key.expires.map(PlainText.moment) ?? "never"))
        pairs.append(("trust", key.trust))
        pairs += key.encryptsTo.map { ("encrypts to", $0) }
        return PlainText.pairs(pairs) + "\n" + PlainText.wrapped(PlainText.printable(key.verdict))
    }
}

struct KeysRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Forget the certificates of a KEY, and that their addresses ever had one.",
        discussion: """
            Mail for the addresses goes out in clear from then on, unless their policy is `required`.

            Example: postern keys remove 0123456789ABCDEF
            Exit codes: 0 removed; 1 no such key, or you said no.
            """
    )

    @Argument(help: "A fingerprint, at least its last 16 digits, or an address.")
    var key: String

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let answers = try await Answers.find(place)
        if !yes && Terminal.inputIsTerminal {
            let names = try await names(answers).joined(separator: ", ")
            try Terminal.confirmRemoval("This forgets the keys of \(names); mail for them may go out in clear.")
        }
        print(try await answers.sentence(.removeKey(selector: key)))
    }

    /// The addresses that lose their keys.
    private func names(_ answers: Answers) async throws -> [String] {
        guard case .keys(let keys) = try? await answers.ask(.showKey(selector: key)) else {
            return [PlainText.printable(key)]
        }
        return Set(keys.flatMap(\.addresses)).sorted().map(PlainText.printable)
    }
}

struct KeysExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print a certificate, armored.",
        discussion: "Example: postern keys export bob@postern.test > bob.asc\nExit codes: 0 printed; 1 no such key."
    )

    @Argument(help: "A fingerprint, at least its last 16 digits, or an address.")
    var key: String

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        guard case .exported(let armor) = try await Answers.find(place).ask(.exportKey(selector: key)) else {
            throw CommandFailure.unexpectedAnswer
        }
        print(armor, terminator: armor.utf8.last == 10 ? "" : "\n")
    }
}
