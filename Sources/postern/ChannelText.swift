// SPDX-License-Identifier: Apache-2.0

import Control

/// The decision about the way to a domain, for people.
enum ChannelText {
    static func text(_ report: ChannelReport) -> String {
        var lines = ["The way to \(report.domain)"]
        if let security = report.mailHosts { lines.append("  MX       \(security)") }
        lines.append("  MTA-STS  \(report.policy)")
        if let fault = report.fault { lines.append("  \(fault)") }
        let domain = lines.map(PlainText.printable).joined(separator: "\n")
        return ([domain] + report.hosts.map(text)).joined(separator: "\n\n")
    }

    private static func text(_ host: ChannelReport.Host) -> String {
        var pairs: [(String, String)] = []
        if let security = host.addressSecurity {
            pairs.append(("addresses", "\(security): \(host.addresses.joined(separator: ", "))"))
        }
        if let alias = host.alias { pairs.append(("alias of", alias)) }
        pairs += host.tlsa.map { ("TLSA", "\($0.name): \($0.answer)") }
        pairs += host.rules.map { ($0.rule, words($0)) }
        pairs.append((host.verdict, host.demand))
        if let name = host.serverName { pairs.append(("SNI", name)) }
        pairs += (host.trial.map(facts) ?? [])
        let width = pairs.map(\.0.count).max() ?? 0
        let indent = String(repeating: " ", count: width + 6)
        let body = pairs.map { name, value in
            let wrapped = PlainText.wrapped(PlainText.printable(value), indent: indent, width: 100)
            return "    " + name.padding(to: width + 2) + String(wrapped.drop { $0 == " " })
        }
        let title = "  \(host.name) (preference \(host.preference))"
        return ([PlainText.printable(title)] + body).joined(separator: "\n")
    }

    private static func words(_ rule: ChannelReport.Rule) -> String {
        switch rule.finding {
        case "holds": "HOLDS: \(rule.because)"
        case "raises": "RAISES: \(rule.because)"
        case "blocks": "BLOCKS: \(rule.because)"
        default: "passed over: \(rule.because)"
        }
    }

    private static func facts(_ trial: ChannelReport.Trial) -> [(String, String)] {
        var facts = [(trial.isOpen ? "connected" : "not connected", trial.sentence)]
        if let tls = trial.tls { facts.append(("TLS", tls)) }
        if let pin = trial.pin { facts.append(("shown", pin)) }
        return facts
    }
}
