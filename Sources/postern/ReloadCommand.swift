// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the running gateway read its settings and certificates again.",
        discussion: """
            No connection is dropped: sessions that are open end under the old settings, new ones meet the new. \
            Listeners are opened and closed as the file says. When anything in it is wrong, the old settings hold on, \
            and the answer says what and where. The data directory, control.socket and user need a restart.

            Example: postern reload --config /etc/postern/postern.toml
            Exit codes: 0 the new settings hold; 1 the old ones hold on; 69 no gateway runs.
            """
    )

    @OptionGroup var place: GatewayPlace

    func run() throws {
        let gateway = try RunningGateway.connectWithoutSettings(place)
        guard case .done(let sentence) = try gateway.ask(.reload) else { throw CommandFailure.unexpectedAnswer }
        print(sentence)
    }
}
