// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what would happen to mail for an address, and which rule decides it.",
        discussion: """
            Asks the local rules, the keyring, and the DNS about the domain's mail hosts: each look-up with what DNSSEC says             about it, every rule that decides about the channel and why it holds or is passed over, and what the server             will have to show. Nothing is sent.

            Example: postern explain bob@postern.test
            Example: postern explain --connect bob@postern.test
            Exit codes: 0 explained; 1 that is no address.
            """
    )

    @Argument(help: "A mail address.")
    var address: String

    @Flag(help: "Connect to the mail hosts too, and show the proof; no mail is sent.")
    var connect = false

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let request = ControlRequest.explain(address: address, connects: connect)
        guard case .explanation(let explanation) = try await Answers.find(place).ask(request) else {
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
        let text = PlainText.printable(explanation.address) + "\n" + steps.joined(separator: "\n")
        return explanation.channel.map { text + "\n\n" + ChannelText.text($0) } ?? text
    }
}
