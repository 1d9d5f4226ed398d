// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials

/// A command as `--help` knows it: what swift-argument-parser tells of itself.
struct CommandTree: Decodable {
    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String

            var written: String { (kind == "long" ? "--" : "-") + name }
        }

        /// `positional`, `option` or `flag`.
        let kind: String
        let shouldDisplay: Bool
        let isOptional: Bool
        let isRepeating: Bool
        let names: [Name]?
        let valueName: String?
        let defaultValue: String?
        let allValues: [String]?
        let abstract: String?

        /// `--level <n>`, `<directory>`, `[--json]`: as a usage line writes it.
        var usage: String {
            let value = "<\(valueName ?? "value")>"
            let first = names?.first { $0.kind == "long" } ?? names?.first
            let word =
                switch kind {
                case "positional": value
                case "option": "\(first?.written ?? "") \(value)"
                default: first?.written ?? ""
                }
            return (isOptional ? "[\(word)]" : word) + (isRepeating ? " ..." : "")
        }

        /// All its names, `-h, --help`, and its value.
        var heading: String {
            let value = valueName.map { "<\($0)>" } ?? ""
            guard kind != "positional", let names else { return value }
            let written = names.map(\.written).joined(separator: ", ")
            return kind == "option" ? "\(written) \(value)" : written
        }

        /// Equal for the same option of several commands.
        var identity: String { "\(kind) \(heading) \(abstract ?? "")" }
    }

    let commandName: String
    let shouldDisplay: Bool?
    let abstract: String?
    let discussion: String?
    let subcommands: [CommandTree]?
    let arguments: [Argument]?

    /// That of the whole program.
    static func whole() throws -> CommandTree {
        struct Tool: Decodable { let command: CommandTree }
        return try JSONDecoder().decode(Tool.self, from: Data(Postern._dumpHelp().utf8)).command
    }

    /// Those that help shows, without `help` itself.
    var shownSubcommands: [CommandTree] {
        (subcommands ?? []).filter { $0.shouldDisplay ?? true && $0.commandName != "help" }
    }

    var shownArguments: [Argument] { (arguments ?? []).filter(\.shouldDisplay) }
}
