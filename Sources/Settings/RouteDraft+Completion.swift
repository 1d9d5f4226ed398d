// SPDX-License-Identifier: Apache-2.0

import Mail

extension RouteDraft {
    static func route(_ table: TableNode, _ place: String, _ reading: inout Reading) -> Route? {
        var draft = RouteDraft()
        SettingsSchema.route.decode(table.members, at: place, into: &draft, &reading)
        if draft.domain == nil {
            reading.reportMissing(
                "domain",
                in: table,
                place,
                remedy: "add domain = \"example.org\", or \"*\" for all others"
            )
        }
        guard let target = draft.target(table, place, &reading) else { return nil }
        guard let domain = draft.domain else { return nil }
        if domain == .any, target == .maildir {
            reading.report(
                line: reading.positions.line("\(place).maildir"),
                key: "\(place).maildir",
                problem: "the gateway's own users can't have mailboxes at every domain",
                remedy: "give the route its domain"
            )
        }
        return Route(domain: domain, target: target, recipients: draft.recipients, line: table.line)
    }

    /// The one target, with the keys that go with it.
    private func target(_ table: TableNode, _ place: String, _ reading: inout Reading) -> Route.Target? {
        let names = ["maildir", "lmtp", "relay", "mx"]
        let named = table.members.map(\.key).filter(names.contains)
        guard let name = named.first else {
            reading.report(
                line: table.line,
                key: place,
                problem: "the route leads nowhere",
                remedy: "add one of maildir, lmtp, relay and mx"
            )
            return nil
        }
        guard named.count == 1 else {
            reading.report(
                line: reading.positions.line("\(place).\(named[1])"),
                key: "\(place).\(named[1])",
                problem: "the route has \(named.joined(separator: " and "))",
                remedy: "keep one; give other mail a route of its own"
            )
            return nil
        }
        switch name {
        case "maildir": return flag(maildir, name, .maildir, place, &reading)
        case "mx": return flag(mx, name, .mx, place, &reading)
        case "lmtp": return lmtp.map { .lmtp(nextHop($0, named: name, place, &reading)) }
        default: return relay.map { .relay(nextHop($0, named: name, place, &reading)) }
        }
    }

    /// `maildir = true` or `mx = true`, which no key of a next hop goes with.
    private func flag(
        _ value: Bool?,
        _ name: String,
        _ target: Route.Target,
        _ place: String,
        _ reading: inout Reading
    ) -> Route.Target? {
        if value == false {
            reading.report(
                line: reading.positions.line("\(place).\(name)"),
                key: "\(place).\(name)",
                problem: "false leads nowhere",
                remedy: "write \(name) = true, or another target"
            )
        }
        let given = [
            ("recipients", recipients != nil), ("tls", tls != nil), ("ca_file", caFile != nil),
            ("username", username != nil),
            ("password_file", passwordFile != nil),
        ]
        for (key, isGiven) in given where isGiven {
            reading.report(
                line: reading.positions.line("\(place).\(key)"),
                key: "\(place).\(key)",
                problem: "the key does nothing in a route with \(name)",
                remedy: "remove it; it is for lmtp and relay"
            )
        }
        return value == true ? target : nil
    }

    private func nextHop(_ endpoint: Endpoint, named name: String, _ place: String, _ reading: inout Reading) -> NextHop
    {
        var hop = NextHop(endpoint: endpoint, tls: tls, caFile: caFile)
        if case .unix = endpoint, hop.tls != .off {
            reading.report(
                line: reading.positions.line("\(place).tls"),
                key: "\(place).tls",
                problem: "a unix socket has no TLS",
                remedy: "remove the line"
            )
        }
        if caFile != nil, hop.tls != .verify {
            reading.report(
                line: reading.positions.line("\(place).ca_file"),
                key: "\(place).ca_file",
                problem: "without tls = \"verify\" nothing is proven",
                remedy: "add tls = \"verify\", or remove ca_file"
            )
        }
        hop.credentials = credentials(for: hop, named: name, place, &reading)
        return hop
    }

    private func credentials(
        for hop: NextHop,
        named name: String,
        _ place: String,
        _ reading: inout Reading
    ) -> NextHop.Credentials? {
        guard username != nil || passwordFile != nil else { return nil }
        let key = username == nil ? "password_file" : "username"
        let line = reading.positions.line("\(place).\(key)")
        if name == "lmtp" {
            reading.report(
                line: line,
                key: "\(place).\(key)",
                problem: "LMTP is spoken without signing in",
                remedy: "remove username and password_file"
            )
        } else if hop.tls != .verify {
            reading.report(
                line: line,
                key: "\(place).\(key)",
                problem: "a password goes only through TLS that proves the host",
                remedy: "add tls = \"verify\" to the route"
            )
        }
        guard let username, let passwordFile else {
            let missing = username == nil ? "username" : "password_file"
            reading.report(
                line: line,
                key: "\(place).\(key)",
                problem: "\(missing) is missing",
                remedy: "add it, or remove \(key)"
            )
            return nil
        }
        return NextHop.Credentials(username: username, passwordFile: passwordFile)
    }
}
