// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Settings

/// Prints the manuals, from which the files under `docs` and `man` are made.
struct ManualCommand: ParsableCommand {
    enum Form: String, ExpressibleByArgument, CaseIterable {
        /// For `docs/configuration.md`.
        case markdown
        /// For `man/postern.toml.5`.
        case roff
        /// For `man/postern.1`.
        case commands
    }

    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Print the manual of the settings or of the commands.",
        discussion: "Example: postern manual commands > man/postern.1\nExit codes: 0 printed.",
        shouldDisplay: false
    )

    @Argument(help: "markdown or roff for the settings, commands for the man page of the commands.")
    var form: Form

    func run() throws {
        let text =
            switch form {
            case .markdown: ConfigurationManual.markdown()
            case .roff: ConfigurationManual.roff()
            case .commands: try CommandManual.roff()
            }
        print(text, terminator: "")
    }
}

/// Prints what a shell needs to complete our words.
struct CompletionCommand: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a script that lets a shell complete commands and options.",
        discussion: """
            For bash into /usr/share/bash-completion/completions/postern, for zsh into /usr/share/zsh/vendor-completions/\
            _postern, for fish into /usr/share/fish/vendor_completions.d/postern.fish.

            Example: postern completion bash > /usr/share/bash-completion/completions/postern
            Exit codes: 0 printed.
            """
    )

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        print(Postern.completionScript(for: kind))
    }
}
