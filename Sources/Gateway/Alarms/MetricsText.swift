// SPDX-License-Identifier: Apache-2.0

import Control

/// The facts of `postern status` as Prometheus metrics: base units, few labels, nothing about anybody.
enum MetricsText {
    static func text(_ report: StatusReport) -> String {
        var text = PrometheusText()
        addProcess(report, &text)
        addQueue(report, &text)
        addCounters(report.counters, &text)
        addAlarms(report, &text)
        return text.text
    }

    private static func addProcess(_ report: StatusReport, _ text: inout PrometheusText) {
        text.add("postern_build_info", .gauge, "The version, as a label.", [.init(1, ("version", report.version))])
        text.add("postern_start_time_seconds", .gauge, "When the gateway started.", [.init(report.upSince)])
        text.add("postern_level", .gauge, "The level of the Commitment that the settings claim.", [.init(report.level)])
        text.add("postern_locked", .gauge, "1 while the vault is locked.", [.init(report.locked ? 1 : 0)])
        text.add("postern_sessions", .gauge, "SMTP sessions now.", [.init(report.sessions)])
        text.add("postern_store_ok", .gauge, "1 while the store can be written.", [.init(report.store == "ok" ? 1 : 0)])
        if let free = report.diskFreeBytes {
            text.add("postern_disk_free_bytes", .gauge, "Room on the disk of the data directory.", [.init(free)])
        }
        if let expiry = report.certificateExpires {
            let help = "When the server's certificate expires."
            text.add("postern_certificate_expiry_timestamp_seconds", .gauge, help, [.init(expiry)])
        }
    }

    private static func addQueue(_ report: StatusReport, _ text: inout PrometheusText) {
        let states = report.queue.sorted { $0.key < $1.key }
        text.add(
            "postern_queue_copies",
            .gauge,
            "Copies in the queue by state; leased ones are counted under their state too.",
            states.map { .init($0.value, ("state", $0.key)) }
        )
        let ages = report.ages.sorted { $0.key < $1.key }
        text.add(
            "postern_queue_copies_by_age",
            .gauge,
            "Copies in the queue by state and age, to the hour.",
            ages.flatMap { state, counts in
                zip(ageLabels, counts).map { .init($0.1, ("state", state), ("age", $0.0)) }
            }
        )
        let oldest = PrometheusText.Sample(report.oldestSeconds ?? 0)
        text.add(
            "postern_queue_oldest_seconds",
            .gauge,
            "For how long the oldest waiting copy has been tried.",
            [oldest]
        )
        let kinds = Dictionary(grouping: report.troubledHops, by: \.kind)
        text.add(
            "postern_next_hops_in_trouble",
            .gauge,
            "Next hops that can't be reached, by kind.",
            hopKinds.map { .init(kinds[$0]?.count ?? 0, ("kind", $0)) }
        )
    }

    private static func addCounters(_ counters: [String: Int], _ text: inout PrometheusText) {
        var samples: [String: [PrometheusText.Sample]] = [:]
        // A count that has not moved yet is there as 0, so that its first move shows as one.
        let all = Dictionary(uniqueKeysWithValues: usualWords.map { ($0, 0) }).merging(counters) { $1 }
        for (word, number) in all.sorted(by: { $0.key < $1.key }) {
            let (family, label) = place(of: word)
            let sample =
                label.map { PrometheusText.Sample(number, (family.label, $0)) } ?? PrometheusText.Sample(number)
            samples[family.name, default: []].append(sample)
        }
        for family in families { text.add(family.name, .counter, family.help, samples[family.name] ?? []) }
    }

    private static func addAlarms(_ report: StatusReport, _ text: inout PrometheusText) {
        let raised = Set(report.alarms.map(\.name))
        let known = AlarmKind.allCases.map { (name: $0.rawValue, severity: $0.severity) }
        let others = report.alarms.filter { AlarmKind(rawValue: $0.name) == nil }.map {
            (name: $0.name, severity: $0.severity)
        }
        text.add(
            "postern_alarm",
            .gauge,
            "1 while the alarm stands.",
            (known + others).map {
                .init(raised.contains($0.name) ? 1 : 0, ("alarm", $0.name), ("severity", $0.severity.rawValue))
            }
        )
    }

    // MARK: - Counters by their words

    private struct Family {
        let name: String
        let help: String
        var label = ""
    }

    private static let messages = Family(name: "postern_messages_total", help: "Messages by result.", label: "result")
    private static let copies = Family(
        name: "postern_protected_copies_total",
        help: "Copies by what protects them.",
        label: "protection"
    )
    private static let deliveries = Family(
        name: "postern_deliveries_total",
        help: "Deliveries of copies by result.",
        label: "result"
    )
    private static let recipients = Family(
        name: "postern_refused_recipients_total",
        help: "Recipients that were refused in the session."
    )
    private static let signIns = Family(
        name: "postern_authentication_failures_total",
        help: "Attempts to sign in that failed."
    )
    private static let limits = Family(
        name: "postern_limit_hits_total",
        help: "How often a limit of the settings was reached.",
        label: "limit"
    )
    private static let others = Family(name: "postern_events_total", help: "Other events.", label: "event")
    private static let families = [messages, copies, deliveries, recipients, signIns, limits, others]

    private static let usualWords = [
        "messages accepted", "messages refused", "recipients refused", "authentication failures", "copies delivered",
        "copies failed", "copies expired", "copies discarded", "tries deferred", "copies encrypted",
        "copies already encrypted", "copies clear (off)", "copies clear (no key)", "copies held", "copies refused",
    ]

    private static func place(of word: String) -> (Family, label: String?) {
        switch word {
        case "messages accepted": (messages, "accepted")
        case "messages refused": (messages, "refused")
        case "recipients refused": (recipients, nil)
        case "authentication failures": (signIns, nil)
        case "copies delivered": (deliveries, "delivered")
        case "copies failed": (deliveries, "failed")
        case "copies expired": (deliveries, "expired")
        case "copies discarded": (deliveries, "discarded")
        case "tries deferred": (deliveries, "deferred")
        default:
            if word.hasPrefix(Counters.limitPrefix) {
                (limits, snake(word.dropFirst(Counters.limitPrefix.count)))
            } else if word.hasPrefix("copies ") {
                (copies, snake(word.dropFirst("copies ".count)))
            } else {
                (others, snake(word[...]))
            }
        }
    }

    /// `dry-run (would be clear)` as `dry_run_would_be_clear`.
    private static func snake(_ words: Substring) -> String {
        words.lowercased().split { !$0.isASCII || !($0.isLetter || $0.isNumber) }.joined(separator: "_")
    }

    private static let hopKinds = ["lmtp", "maildir", "mx", "relay"]
    /// ``StatusReport/ageColumns`` as label values.
    private static let ageLabels = ["under_1h", "under_4h", "under_1d", "under_5d", "older"]
}
