// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Settings

/// Prints the manual of the settings, from which the files under `docs` and `man` are made.
struct ManualCommand: ParsableCommand {
    enum Form: String, ExpressibleByArgument, CaseIterable {
        /// For `docs/configuration.md`.
        case markdown
        /// For `man/postern.toml.5`.
        case roff
    }

    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Print the manual of the settings.",
        discussion: "Example: postern manual markdown > docs/configuration.md\nExit codes: 0 printed.",
        shouldDisplay: false
    )

    @Argument(help: "markdown or roff.")
    var form: Form

    func run() {
        print(form == .markdown ? ConfigurationManual.markdown() : ConfigurationManual.roff(), terminator: "")
    }
}
