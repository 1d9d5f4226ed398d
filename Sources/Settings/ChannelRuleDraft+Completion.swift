// SPDX-License-Identifier: Apache-2.0

extension ChannelRuleDraft {
    static func rule(_ table: TableNode, _ place: String, _ reading: inout Reading) -> ChannelSettings.Rule? {
        var draft = ChannelRuleDraft()
        SettingsSchema.channelRule.decode(table.members, at: place, into: &draft, &reading)
        let subject: ChannelSettings.Rule.Subject
        switch (draft.domain, draft.host) {
        case (let domain?, nil): subject = .domain(domain)
        case (nil, let host?):
            subject = .host(host)
            draft.reportDomainKeys(table, place, &reading)
        case (nil, nil):
            if !table.members.contains(where: { $0.key == "domain" || $0.key == "host" }) {
                reading.reportMissing(
                    "domain",
                    in: table,
                    place,
                    remedy: "say which, domain = \"example.net\", or host"
                )
            }
            return nil
        case (_?, _?):
            reading.report(
                line: table.line,
                key: "\(place).host",
                problem: "the rule has a domain too",
                remedy: "keep one of domain and host, or make two rules"
            )
            return nil
        }
        if table.members.count == 1 {
            reading.report(
                line: table.line,
                key: place,
                problem: "the rule says nothing",
                remedy: "add require, pins, client_pins or link"
            )
        }
        var rule = ChannelSettings.Rule(for: subject)
        rule.require = draft.require
        rule.pins = draft.pins
        rule.nextPins = draft.nextPins
        rule.clientPins = draft.clientPins
        rule.requireInbound = draft.requireInbound
        rule.link = draft.link
        rule.line = table.line
        return rule
    }

    /// Reports the keys that a rule for a host cannot have.
    private func reportDomainKeys(_ table: TableNode, _ place: String, _ reading: inout Reading) {
        for member in table.members where ["require", "client_pins", "require_inbound", "link"].contains(member.key) {
            reading.report(
                line: member.node.line,
                key: "\(place).\(member.key)",
                problem: "only a rule for a domain has it",
                remedy: "write a rule for the domain"
            )
        }
    }
}
