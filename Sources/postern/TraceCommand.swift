// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Say where a message is, by the id in its 250.",
        discussion: """
            Each copy's state, how it is protected, its next try and the last reply. A held copy that was released is \
            replaced by a message with another id, which is named. A message whose copies all left \
            is gone from the queue, and nothing about it is kept.

            Example: postern trace k7mnp3qrstuvwxyz
            Exit codes: 0 shown; 1 no such message waits.
            """
    )

    @Argument(help: "The id that the sender got.")
    var id: String

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .trace(let report) = try await Answers.find(place).ask(.trace(id: id)) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(report) { Self.text(report) }
    }

    static func text(_ report: TraceReport) -> String {
        var lines = ["\(report.id): " + PlainText.count(report.copies.count, "copy", "copies")]
        for copy in report.copies {
            let state = copy.replacedBy.map { "\(copy.state) by \($0)" } ?? copy.state
            var line =
                "  copy \(copy.number): \(state), \(copy.protection), "
                + PlainText.count(copy.attempts, "try", "tries")
            if let next = copy.nextTry { line += ", next \(PlainText.fromNow(next))" }
            lines.append(PlainText.printable(line))
            if let reply = copy.lastReply {
                lines.append(PlainText.wrapped(PlainText.printable(reply), indent: "    "))
            }
        }
        return lines.joined(separator: "\n")
    }
}
