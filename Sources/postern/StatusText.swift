// SPDX-License-Identifier: Apache-2.0

import Control

/// The facts of `postern status` for a person: one screen while nothing is wrong.
enum StatusText {
    private static let mostHops = 8

    static func text(_ report: StatusReport, withHops: Bool) -> String {
        var lines = [
            "postern \(report.version), process \(report.processID), up \(PlainText.span(report.upSeconds)) since "
                + PlainText.moment(report.upSince)
        ]
        lines += row("level", "\(report.level), vault \(report.locked ? "locked" : "open")")
        lines += row("listening", report.listeners.map { "\($0.role) \($0.address)" }.joined(separator: ", "))
        lines += row("sessions", "\(report.sessions)")
        lines += queue(report)
        lines += hops(report.troubledHops, withNames: withHops)
        lines += row("today", sum(report.today, protection))
        lines += row("", dryRun(report.today))
        lines += row("", "messages: " + sum(report.today, traffic))
        lines += row("limits", limits(report.limits))
        lines += row("disk", disk(report))
        lines += row("certificate", report.certificateExpires.map { "expires \(PlainText.day($0))" } ?? "")
        lines += alarms(report.alarms)
        return lines.joined(separator: "\n")
    }

    // MARK: - Queue

    private static func queue(_ report: StatusReport) -> [String] {
        let waiting = ["ready", "held", "set-aside"].reduce(0) { $0 + (report.queue[$1] ?? 0) }
        guard waiting > 0 else { return row("waiting", "nothing") }
        let leased = report.queue["leased"] ?? 0
        let total = PlainText.count(waiting, "copy", "copies") + (leased > 0 ? ", \(leased) on the way" : "")
        let oldest = report.oldestSeconds.map { ", oldest \(PlainText.span($0))" } ?? ""
        var lines = row("waiting", total + oldest)
        lines.append(columns("", StatusReport.ageColumns))
        for state in ["ready", "held", "set-aside"] where (report.queue[state] ?? 0) > 0 {
            lines.append(columns(state, (report.ages[state] ?? []).map { $0 == 0 ? "-" : "\($0)" }))
        }
        return lines
    }

    private static func columns(_ name: String, _ cells: [String]) -> String {
        margin + name.padding(to: 10) + cells.map { String(repeating: " ", count: max(1, 8 - $0.count)) + $0 }.joined()
    }

    // MARK: - Next hops

    private static func hops(_ hops: [StatusReport.TroubledHop], withNames: Bool) -> [String] {
        guard let first = hops.first else { return row("next hops", "all that were tried answer") }
        let kinds = Dictionary(grouping: hops, by: \.kind).sorted { $0.key < $1.key }.map {
            "\($0.value.count) \($0.key)"
        }
        let hint = withNames ? "" : "; --hops names them"
        var lines = row(
            "next hops",
            "in trouble: \(kinds.joined(separator: ", ")), for \(PlainText.span(first.seconds))\(hint)"
        )
        guard withNames else { return lines }
        for hop in hops.prefix(mostHops) {
            let name = hop.name.map { $0.isEmpty ? hop.kind : "\(hop.kind) \($0)" } ?? hop.kind
            let tries = PlainText.count(hop.tries, "try", "tries")
            let line = "\(hop.id)  \(name): \(hop.cause) for \(PlainText.span(hop.seconds)), \(tries)"
            lines.append(PlainText.wrapped(PlainText.printable(line), indent: margin))
        }
        if hops.count > mostHops { lines.append(margin + "(and \(hops.count - mostHops) more; --json shows all)") }
        return lines
    }

    // MARK: - Today

    private static let protection = [
        ("encrypted", ["copies encrypted"]), ("clear", ["copies clear (off)", "copies clear (no key)"]),
        ("passed through", ["copies already encrypted"]), ("held", ["copies held"]), ("refused", ["copies refused"]),
    ]
    private static let traffic = [
        ("taken", ["messages accepted"]), ("refused", ["messages refused"]),
        ("delivered", ["copies delivered"]),
        ("failed", ["copies failed", "copies expired"]),
    ]

    private static func sum(_ counts: [String: Int], _ parts: [(String, [String])]) -> String {
        parts.map { word, sources in "\(sources.reduce(0) { $0 + (counts[$1] ?? 0) }) \(word)" }.joined(separator: ", ")
    }

    /// `dry-run: 3 would be encrypted`; empty where nothing ran dry.
    private static func dryRun(_ counts: [String: Int]) -> String {
        let begin = "copies dry-run ("
        let parts = counts.filter { $0.key.hasPrefix(begin) }.sorted { $0.key < $1.key }.map {
            "\($0.value) \($0.key.dropFirst(begin.count).dropLast())"
        }
        return parts.isEmpty ? "" : "dry-run: " + parts.joined(separator: ", ")
    }

    private static func limits(_ limits: [String: Int]) -> String {
        guard !limits.isEmpty else { return "none reached today" }
        return "reached today: "
            + limits.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)×" }.joined(separator: ", ")
    }

    private static func disk(_ report: StatusReport) -> String {
        let free = report.diskFreeBytes.map { ", \($0 >> 20) MiB free" } ?? ""
        return "store \(report.store)\(free)"
    }

    // MARK: - Alarms

    private static func alarms(_ alarms: [StatusReport.Alarm]) -> [String] {
        guard !alarms.isEmpty else { return row("alarms", "none") }
        return alarms.flatMap { alarm in
            let text = "! \(alarm.severity.rawValue): \(alarm.name): \(alarm.sentence) \(alarm.remedy)"
            return [PlainText.wrapped(PlainText.printable(text))]
        }
    }

    // MARK: - Lines

    private static let margin = String(repeating: " ", count: 13)

    /// A name and its value, wrapped to 80 columns; nothing for an empty value.
    private static func row(_ name: String, _ value: String) -> [String] {
        guard !value.isEmpty else { return [] }
        let lines = PlainText.wrapped(PlainText.printable(value), indent: margin).split(separator: "\n")
        return lines.enumerated().map { index, line in
            index == 0 && !name.isEmpty
                ? (name + ":").padding(to: margin.count) + line.dropFirst(margin.count) : String(line)
        }
    }
}
