// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Gateway
import Settings

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the gateway.",
        discussion: """
            Without --config this is try-it mode: loopback ports 2525 and 2587, the domain postern.test, the mailboxes \
            alice and bob, and a vault whose key lies beside the data. One line on standard output says when it is \
            ready. SIGTERM and SIGINT end it: sessions finish or get 421, nothing is lost.

            Example: postern up --config /etc/postern/postern.toml
            Exit codes: 0 ended when asked to; 1 it could not go on; 66 the file is missing; 78 the settings can't be \
            read, or break their level.
            """
    )

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let location = try place.locate()
        let report = LevelReport(location.settings)
        for caution in report.cautions { Terminal.complain("Note: " + caution.text) }
        guard report.isKept else {
            for violation in report.violations { Terminal.complain(violation.text) }
            throw CommandFailure(
                .settings,
                "The gateway does not start, because these settings do not keep level \(report.level)."
            )
        }
        if try RunningGateway.find(location) != nil {
            throw CommandFailure(
                .refused,
                "A gateway is running for \(location.shownData) already; `postern status` shows how it does."
            )
        }
        do {
            try await GatewayProcess.run(location.settings)
        } catch let problem as GatewayProblem {
            throw CommandFailure(.refused, problem.sentence)
        }
    }
}
