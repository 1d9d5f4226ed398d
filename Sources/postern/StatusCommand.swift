// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Glibc

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the running gateway does.",
        discussion: """
            Waiting mail by state and age, next hops in trouble, what became of mail since midnight (UTC), limits that \
            were reached, and alarms with what to do. Names nobody; next hops are shown by name only with --hops.

            --check prints one line as a monitoring system wants it, and ends with 0 when all is well, 1 for a warning, \
            2 when it is critical or no gateway answers, 3 when it can't be told.

            Example: postern status --config /etc/postern/postern.toml
            Exit codes: 0 shown; 64 names were asked for where there is no terminal; 69 no gateway runs. With --check: \
            0, 1, 2 or 3.
            """
    )

    @Flag(help: "One line and an exit code for a monitoring system.")
    var check = false

    @Flag(exclusivity: .exclusive)
    var hops: HopDisclosure?

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if check && (output.json || hops != nil) {
            throw ValidationError("--check prints one line; leave --json and --hops out.")
        }
    }

    func run() async throws {
        if check {
            let finding = StatusCheck.look(place)
            print(finding.line)
            Terminal.flush()
            Glibc.exit(finding.status.rawValue)
        }
        let isNamed = try hops.isGranted()
        let gateway = try RunningGateway.connect(try place.locate())
        guard case .status(var report) = try gateway.ask(.status) else { throw CommandFailure.unexpectedAnswer }
        if isNamed {
            guard case .troubledHops(let named) = try gateway.ask(.troubledHops(withNames: true)) else {
                throw CommandFailure.unexpectedAnswer
            }
            report.troubledHops = named
        }
        try output.show(report) { StatusText.text(report, withHops: isNamed) }
    }
}
