// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what would happen to mail for an address, and which rule decides it.",
        discussion: """
            Asks the local rules and the keyring only: nothing is sent and no other host is asked.

            Example: postern explain bob@postern.test
            Exit codes: 0 explained; 1 that is no address.
            """
    )

    @Argument(help: "A mail address.")
    var address: String

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .explanation(let explanation) = try await Answers.find(place).ask(.explain(address: address)) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(explanation) { Self.text(explanation) }
    }

    static func text(_ explanation: Explanation) -> String {
        let width = explanation.steps.map { $0.question.count }.max() ?? 0
        let indent = String(repeating: " ", count: width + 4)
        let steps = explanation.steps.map { step in
            let name = step.question + String(repeating: " ", count: width - step.question.count)
            let because = PlainText.wrapped(PlainText.printable(step.because), indent: indent)
            return "  \(name)  \(PlainText.printable(step.answer))" + (because.isEmpty ? "" : "\n" + because)
        }
        return PlainText.printable(explanation.address) + "\n" + steps.joined(separator: "\n")
    }
}
