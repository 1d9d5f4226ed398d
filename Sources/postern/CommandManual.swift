// SPDX-License-Identifier: Apache-2.0

import Control
import Settings

/// `postern(1)`, from the same source as `--help`.
enum CommandManual {
    static func roff() throws -> String {
        let program = try CommandTree.whole()
        let common = commonArguments(of: program)
        var page = RoffPage()
        page.line(".\\\" Made by `postern manual commands` from Sources/postern; edit there.")
        page.line(".TH POSTERN 1 \"\" \"postern \(PosternVersion.text)\" \"Postern manual\"")
        page.line(".nh")
        page.line(".ad l")
        page.section("NAME")
        page.line("postern \\- a privacy gateway for mail")
        page.section("SYNOPSIS")
        page.paragraph("`postern` command [options]")
        page.section("DESCRIPTION")
        discussion(program.discussion ?? "", on: &page)
        page.section("OPTIONS OF MOST COMMANDS")
        for argument in common { describe(argument, on: &page) }
        page.section("COMMANDS")
        let known = Set(common.map(\.identity))
        for command in program.shownSubcommands { describe(command, after: "postern", without: known, on: &page) }
        for (title, entries) in CommandManualEnd.sections {
            page.section(title)
            for (term, meaning) in entries {
                page.line(".TP")
                page.literal(term, bold: true)
                page.paragraph(meaning)
            }
        }
        page.section("SEE ALSO")
        page.line(".BR postern.toml (5)")
        return page.text
    }

    /// What three commands have and more, so that it is said once.
    private static func commonArguments(of program: CommandTree) -> [CommandTree.Argument] {
        var counts: [String: Int] = [:]
        var order: [CommandTree.Argument] = []
        func count(_ command: CommandTree) {
            for argument in command.shownArguments where argument.kind != "positional" {
                if counts[argument.identity, default: 0] == 0 { order.append(argument) }
                counts[argument.identity, default: 0] += 1
            }
            for inner in command.shownSubcommands { count(inner) }
        }
        count(program)
        return order.filter { counts[$0.identity, default: 0] >= 5 }
    }

    private static func describe(
        _ command: CommandTree,
        after parent: String,
        without known: Set<String>,
        on page: inout RoffPage
    ) {
        let name = "\(parent) \(command.commandName)"
        let own = command.shownArguments.filter { !known.contains($0.identity) }
        let inner = command.shownSubcommands
        page.line(".SS \"\(name)\"")
        if inner.isEmpty {
            page.paragraph("`\(name)` " + (own.map(\.usage) + ["[options]"]).joined(separator: " "))
            page.line(".PP")
        }
        page.paragraph(command.abstract ?? "")
        if let text = command.discussion {
            page.line(".PP")
            discussion(text, on: &page)
        }
        for argument in own { describe(argument, on: &page) }
        for command in inner { describe(command, after: name, without: known, on: &page) }
    }

    private static func describe(_ argument: CommandTree.Argument, on page: inout RoffPage) {
        page.line(".TP")
        page.literal(argument.heading, bold: true)
        var words = argument.abstract ?? ""
        if let values = argument.allValues { words += " One of \(values.joined(separator: ", "))." }
        if let value = argument.defaultValue { words += " Default: \(value)." }
        page.paragraph(words.isEmpty ? "Explain the command." : words)
    }

    /// Paragraphs are filled; what is typed as it stands keeps its line.
    private static func discussion(_ text: String, on page: inout RoffPage) {
        var isFirst = true
        for block in text.split(separator: "\n\n") {
            if !isFirst { page.line(".PP") }
            isFirst = false
            let lines = block.split(separator: "\n")
            for line in lines {
                if line.contains(":  ") || line.hasPrefix("Example: ") {
                    page.line(".EX")
                    page.literal(String(line))
                    page.line(".EE")
                } else {
                    page.paragraph(String(line))
                }
            }
        }
    }
}

/// What the man page tells beside the commands.
private enum CommandManualEnd {
    static let sections: [(String, [(String, String)])] = [
        (
            "EXIT STATUS",
            [
                ("0", "Done."),
                (
                    "1",
                    """
                    Refused, or the answer is no: a key was refused, no such message waits, the settings break the level \
                    or something that they need is at fault, you said no.
                    """
                ),
                ("64", "Wrong usage, or a question that nobody could be asked."),
                ("66", "A file to read is missing or empty."),
                ("69", "No gateway runs, and the command needs one; or it ended meanwhile."),
                ("73", "A file can't be written."),
                ("77", "Not allowed: the files or the control socket belong to another user."),
                ("78", "The settings can't be read, or `postern up` refuses them because they break the level."),
            ]
        ),
        (
            "FILES",
            [
                (
                    "$XDG_RUNTIME_DIR/postern/, /run/postern/",
                    "The control socket, named by a hash of the data directory."
                ),
                ("DATA/queue.sqlite, DATA/keys.sqlite", "Sealed: waiting mail; certificates, users and caches."),
                ("DATA/vault", "The root key, wrapped."),
                (
                    "DATA/mail/NAME",
                    "A user's Maildir. A mailbox is a destination: what was not encrypted is readable there."
                ),
            ]
        ),
        (
            "ENVIRONMENT",
            [
                ("CREDENTIALS_DIRECTORY", "Where systemd puts the vault's passphrase, as `postern-vault`."),
                ("XDG_RUNTIME_DIR", "Where the control socket lies."),
            ]
        ),
    ]
}
