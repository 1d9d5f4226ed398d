// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Commitment
import Gateway
import Settings

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Hold the settings against the level they claim.",
        discussion: """
            Each finding names the file, the line, the key, the remedy, and the practice of the Providers' Commitment \
            for Privacy. Nothing is started.

            Example: postern check --config /etc/postern/postern.toml
            Exit codes: 0 the level is kept; 1 it is not; 66 the file is missing; 78 the settings can't be read.
            """
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() throws {
        let settings = try place.locate().settings
        let report = LevelReport(settings)
        try output.show(report) { report.text }
        if !report.isKept { throw CommandFailure(.refused, "") }
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
