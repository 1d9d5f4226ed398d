// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail

/// `docs/configuration.md`, made from the schema and the practices.
package enum ConfigurationManual {
    package static func markdown() -> String {
        var text = """
            <!-- Made from Sources/Settings by `POSTERN_REWRITE=1 swift test --filter ManualTests`; edit there. -->

            # Configuration

            \(opening.joined(separator: "\n\n"))


            """
        for table in SettingsSchema.tables {
            text += "## \(table.path.isEmpty ? "At the top" : "`\(table.header)`")\n\n\(table.summary)\n\n"
            text += "| key | value | default | meaning |\n|---|---|---|---|\n"
            for key in table.keys {
                let cells = ["`\(key.name)`", value(key), key.defaultSentence, meaning(key)]
                text += "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
            }
            text += "\n"
            if table.path == "scrub" { text += removedFields() }
        }
        return text + levels() + example()
    }

    /// What both manuals begin with.
    static let opening = [
        """
        Postern reads one file, `postern.toml`, in TOML 1.0. `level` is its first key and sets the defaults that \
        differ by level. `postern init` writes a commented file to begin with, and `postern check` says what is \
        wrong with one: every problem with file, line, key and remedy, all at once. The gateway refuses to start \
        with a file that has a problem or breaks its level.
        """,
        """
        Durations are text with one unit: `"30s"`, `"5m"`, `"4h"`, `"5d"`. Sizes are bytes, or text with a unit: \
        `262144`, `"256 KiB"`, `"50 MiB"`, `"2 GiB"`. Relative paths start at the directory of the file. A key that \
        does not exist is an error, never ignored.
        """,
    ]

    static func value(_ key: KeyDocumentation) -> String { key.possible.map { "\(key.type): \($0)" } ?? key.type }

    static func meaning(_ key: KeyDocumentation) -> String {
        key.example.map { "\(key.meaning) Example: `\(key.name) = \($0)`." } ?? key.meaning
    }

    private static func removedFields() -> String {
        "The built-in list:\n\n"
            + ScrubRules.documented.map { group in
                "- " + group.names.map { "`\($0)`" }.joined(separator: ", ") + ": \(group.reason)\n"
            }.joined() + "\n"
    }

    private static func levels() -> String {
        var text = """
            ## What the level asks of the settings

            At start and in `postern check` the settings are held against the practices of the Providers' \
            Commitment for Privacy up to the
            level of the file. *Our mapping* marks a rule where the Commitment's text is silent.

            | practice | level | the Commitment says | what can break it |
            |---|---|---|---|

            """
        for practice in Practice.all {
            text += "| `\(practice.id)` | \(practice.level) | \(practice.text) | "
            switch practice.reach {
            case .settings(let keys): text += keys.map { "`\($0)`" }.joined(separator: ", ")
            case .host: text += "the host's swap, unless the unit sets `MemorySwapMax=0`"
            case .untouched(let reason): text += "no setting: \(reason)"
            }
            text += practice.source == .ourMapping ? " (our mapping) |\n" : " |\n"
        }
        return text + "\n"
    }

    private static func example() -> String {
        """
        ## An example

        A gateway on a web server: what the programs of the machine send goes out through the mail server behind \
        it, encrypted to whoever
        has a key.

        ```toml
        \(exampleFile)
        ```

        """
    }

    static let exampleFile = """
        level = 2
        hostname = "mail.example.org"
        data = "/var/lib/postern"
        networks = ["127.0.0.1", "::1"]

        [[listener]]
        role = "mx"
        address = "127.0.0.1"
        port = 2525

        [[route]]
        domain = "*"
        relay = "127.0.0.1:2626"
        """
}
