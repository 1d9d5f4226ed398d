// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Commitment
import Control
import Gateway
import Settings
import Setup

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Hold the settings against the level they claim, and try them.",
        discussion: """
            First the level: each finding names the file, the line, the key, the remedy, and the practice of the \
            Providers' Commitment for Privacy. When it is kept, the settings are tried: whether the ports are free, the \
            certificate is for the host's name and in its time, the next hops answer and prove what they must, the DNS \
            records lead here, the data directory and the vault are there. Each is ok, a fault with its remedy, or \
            unknown where that can't be told from here. Nothing is started, changed or sent. Run it as the gateway's \
            user, or as root.

            Example: postern check --config /etc/postern/postern.toml
            Exit codes: 0 the level is kept and nothing is at fault; 1 it is not, or something is; 66 the file is \
            missing; 78 the settings can't be read.
            """
    )

    @Flag(help: "Only hold the settings against the level; try nothing.")
    var offline = false

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let location = try place.locate()
        var report = LevelReport(location.settings)
        if !offline, report.isKept {
            let trials = Trials(
                location.settings,
                running: Self.listeners(location),
                vaultCertificates: Self.vaultCertificates(location),
                now: PlainText.now()
            )
            report.trials = await trials.run()
        }
        try output.show(report) { report.text + Self.table(report) }
        if !report.isKept || report.hasFaults { throw CommandFailure(.refused, "") }
    }

    /// Where the gateway of this data directory listens, when one runs.
    private static func listeners(_ location: GatewayLocation) -> [String] {
        guard let gateway = try? RunningGateway.find(location), let answer = try? gateway.ask(.status),
            case .status(let report) = answer
        else { return [] }
        return report.listeners.map(\.address)
    }

    /// Those of the gateway of this data directory, when one runs and is open.
    private static func vaultCertificates(_ location: GatewayLocation) -> [VaultCertificate]? {
        guard location.settings.hasOnlyVaultCertificates, let gateway = try? RunningGateway.find(location),
            let answer = try? gateway.ask(.listCertificates), case .certificates(let report) = answer
        else { return nil }
        return report.certificates.map { VaultCertificate(names: $0.names, expires: $0.expires) }
    }

    private static func table(_ report: LevelReport) -> String {
        guard let trials = report.trials else { return "" }
        var table = TextTable("", "what", "where", "how it is")
        for trial in trials {
            table.add(trial.state.rawValue, trial.what, trial.subject, trial.detail)
            if let remedy = trial.remedy { table.addLine("         -> " + remedy) }
        }
        let faults = trials.count { $0.state == .fault }
        let unknown = trials.count { $0.state == .unknown }
        let verdict = faults == 0 ? "No fault was found" : "\(PlainText.count(faults, "fault")) to mend"
        return "\n\n" + table.text(cut: false) + "\n\n" + verdict + (unknown == 0 ? "." : "; \(unknown) unknown.")
    }
}

/// What the level check found, ready to be shown.
struct LevelReport: Encodable {
    struct Finding: Encodable {
        let file: String
        let line: Int
        let key: String
        let problem: String
        let remedy: String
        let practice: String
        let practiceLevel: Int
        /// All of it in words.
        let text: String

        private enum CodingKeys: String, CodingKey {
            case file, line, key, problem, remedy, practice, practiceLevel
        }

        init(_ violation: LevelViolation) {
            file = violation.diagnostic.file
            line = violation.line
            key = violation.key
            problem = violation.problem
            remedy = violation.remedy
            practice = "\(violation.practice.id)"
            practiceLevel = violation.practice.level.rawValue
            text = violation.description
        }
    }

    let level: Int
    let isKept: Bool
    let violations: [Finding]
    /// What the operator must know to keep the level.
    let cautions: [Finding]
    /// What came of trying the settings; nil when nothing was tried.
    var trials: [Trial]?

    var hasFaults: Bool { trials?.contains { $0.state == .fault } ?? false }

    init(_ settings: PosternSettings) {
        let facts = HostFacts.survey(for: settings)
        level = settings.level.rawValue
        violations = LevelCheck.violations(settings, facts: facts).map(Finding.init)
        cautions = LevelCheck.cautions(settings, facts: facts).map(Finding.init)
        isKept = violations.isEmpty
    }

    var text: String {
        var lines = violations.map(\.text) + cautions.map { "Note: " + $0.text }
        let count = PlainText.count(violations.count, "setting")
        lines.append(
            isKept
                ? "These settings keep level \(level)." : "These settings do not keep level \(level): \(count) to mend."
        )
        return lines.joined(separator: "\n")
    }
}
