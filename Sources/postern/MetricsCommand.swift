// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Print the running gateway's counts for Prometheus.",
        discussion: """
            The text format 0.0.4, as the port of [metrics] answers it. Nothing in it is about anybody.

            Example: postern metrics > /var/lib/prometheus/node-exporter/postern.prom
            Exit codes: 0 printed; 69 no gateway runs.
            """
    )

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        guard case .exported(let text) = try RunningGateway.connect(try place.locate()).ask(.metrics) else {
            throw CommandFailure.unexpectedAnswer
        }
        print(text, terminator: "")
    }
}
