// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the running gateway does.",
        discussion: """
            Listeners, sessions, waiting mail by state, what became of it since the start, the store's health, and \
            what needs the operator. No addresses.

            Example: postern status --config /etc/postern/postern.toml
            Exit codes: 0 shown; 69 no gateway runs.
            """
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .status(let report) = try RunningGateway.connect(try place.locate()).ask(.status) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(report) { Self.text(report) }
    }

    static func text(_ report: StatusReport) -> String {
        // Leased copies are counted under their state too; discarded ones wait for nothing.
        let queue = report.queue.filter { $0.value > 0 }
        let waiting = queue.filter { $0.key != "leased" && $0.key != "discarded" }.values.reduce(0, +)
        let states = queue.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        var lines = [
            PlainText.pairs([
                ("version", report.version),
                ("process", "\(report.processID), up \(PlainText.span(report.upSeconds))"),
                ("level", "\(report.level)"),
                ("vault", report.locked ? "locked" : "open"),
                ("listening", report.listeners.map { "\($0.role) \($0.address)" }.joined(separator: ", ")),
                ("sessions", "\(report.sessions)"),
                ("waiting", queue.isEmpty ? "nothing" : PlainText.count(waiting, "copy", "copies") + " (\(states))"),
                ("oldest", report.oldestSeconds.map(PlainText.span) ?? "-"),
                ("store", report.store),
            ])
        ]
        if !report.counters.isEmpty {
            lines.append("since the start:")
            lines.append(
                PlainText.pairs(
                    report.counters.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") },
                    indent: "  "
                )
            )
        }
        for alarm in report.alarms { lines.append(PlainText.wrapped("! " + PlainText.printable(alarm))) }
        return lines.joined(separator: "\n")
    }
}
