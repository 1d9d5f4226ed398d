// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Gateway
import Settings
import Synchronization

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the gateway.",
        discussion: """
            Without --config this is try-it mode: loopback ports 2525 and 2587, the domain postern.test, the mailboxes \
            alice and bob, and a vault whose key lies beside the data. One line on standard output says when it is \
            ready. SIGTERM and SIGINT end it: sessions finish or get 421, nothing is lost. SIGHUP reads the settings \
            again, as `postern reload` does.

            Example: postern up --config /etc/postern/postern.toml
            Exit codes: 0 ended when asked to; 1 it could not go on; 66 the file is missing; 78 the settings can't be \
            read, or break their level.
            """
    )

    @Flag(help: "Start locked: ask for no secret, put mail off, and wait for `postern unlock`.")
    var locked = false

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let location = try place.locateToStart()
        let settings = try Self.checked(location)
        try Self.refuseSecond(location)
        do {
            try await GatewayProcess.run(
                GatewayStart(
                    settings,
                    isLocked: locked,
                    sockets: Self.sockets.withLock { $0 },
                    rereading: rereading(location)
                )
            )
        } catch let problem as GatewayProblem {
            throw CommandFailure(.refused, problem.sentence)
        }
    }

    /// What was bound before root's rights were given up.
    private static let sockets = Mutex<HandedSockets?>(nil)

    /// Binds the ports and becomes the user that the settings name, if they name one.
    ///
    /// Must be called before anything makes a second thread.
    func giveUpRoot() throws(CommandFailure) {
        let location = try place.locateToStart()
        guard location.settings.user != nil else { return }
        try Self.refuseSecond(location)
        do {
            let bound = try Privileges.giveUp(location.settings)
            Self.sockets.withLock { $0 = bound }
        } catch {
            throw CommandFailure(.refused, error.sentence)
        }
    }

    private static func refuseSecond(_ location: GatewayLocation) throws(CommandFailure) {
        guard try RunningGateway.find(location) == nil else {
            throw CommandFailure(
                .refused,
                "A gateway is running for \(location.shownData) already; `postern status` shows how it does."
            )
        }
    }

    /// The settings, if they keep their level and their secrets are secret.
    private static func checked(_ location: GatewayLocation) throws(CommandFailure) -> PosternSettings {
        let settings = location.settings
        let report = LevelReport(settings)
        for caution in report.cautions { Terminal.complain("Note: " + caution.text) }
        let exposed = SecretRights.problems(settings, facts: .survey(for: settings)).map(\.description)
        guard report.isKept, exposed.isEmpty else {
            for sentence in report.violations.map(\.text) + exposed { Terminal.complain(sentence) }
            throw CommandFailure(
                .settings,
                report.isKept
                    ? "The gateway does not start, because a secret is open to every user of this machine."
                    : "The gateway does not start, because these settings do not keep level \(report.level)."
            )
        }
        return settings
    }

    /// The same for a reload, which says everything in one answer.
    private func rereading(_ location: GatewayLocation) -> (@Sendable () throws(GatewayProblem) -> PosternSettings)? {
        guard let config = location.config else { return nil }
        // A relative path would be looked for from a working directory that may have changed.
        let path = GatewayLocation.absolute(config)
        let data = place.data.map(GatewayLocation.absolute)
        return { () throws(GatewayProblem) in
            var settings: PosternSettings
            do throws(SettingsError) { settings = try PosternSettings.load(path: path) } catch {
                throw GatewayProblem(error.description)
            }
            if let data { settings.data = data }
            let facts = HostFacts.survey(for: settings)
            let problems =
                LevelCheck.violations(settings, facts: facts).map(\.description)
                + SecretRights.problems(settings, facts: facts).map(\.description)
            guard problems.isEmpty else { throw GatewayProblem(problems.joined(separator: "\n")) }
            return settings
        }
    }
}
