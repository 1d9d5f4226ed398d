// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Privacy

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show the running gateway's log, which lives in its memory only.",
        discussion: """
            The log holds the newest lines and dies with the gateway. People appear in it, if at all, as pseudonyms \
            that mean nothing after a restart.

            Example: postern log --follow
            Exit codes: 0 shown; 69 no gateway runs, or it ended while it was followed.
            """
    )

    @Flag(name: [.short, .long], help: "Go on showing lines as they come.")
    var follow = false

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let gateway = try RunningGateway.connect(try place.locate())
        var last = 0
        repeat {
            guard case .log(let lines) = try gateway.ask(.log(after: last)) else {
                throw CommandFailure.unexpectedAnswer
            }
            for line in lines {
                if last > 0 && line.number > last + 1 && !output.json {
                    print("… " + PlainText.count(line.number - last - 1, "line") + " fell out of the log …")
                }
                last = line.number
                if output.json { try OutputOptions.printJSON(line, onOneLine: true) } else { print(Self.text(line)) }
            }
            // A full answer means that more is waiting.
            if !lines.isEmpty { continue }
            if !follow { break }
            Terminal.flush()
            try await Task.sleep(for: .seconds(1))
        } while true
    }

    static func text(_ line: LogLine) -> String {
        let fields = line.fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        let level = line.level.padding(to: 7)
        return PlainText.printable("\(PlainText.moment(line.time))  \(level)  \(line.message)\(fields)")
    }
}
