// SPDX-License-Identifier: Apache-2.0

import Mail

/// What the keys of one file must agree on, whatever the level.
enum SettingsRules {
    static func check(_ settings: PosternSettings, _ reading: inout Reading) {
        checkListeners(settings, &reading)
        checkRoutes(settings, &reading)
        NextHopRules.check(settings, &reading)
        checkRules(settings, &reading)
        checkChannelRules(settings, &reading)
        checkReportAddress(settings, &reading)
        checkAmounts(settings, &reading)
        checkDelivery(settings, &reading)
        checkSockets(settings, &reading)
        checkLocal(settings, &reading)
        checkMetrics(settings, &reading)
        checkAlarms(settings, &reading)
    }

    private static func checkListeners(_ settings: PosternSettings, _ reading: inout Reading) {
        if settings.listeners.isEmpty, !reading.diagnostics.contains(where: { $0.key.hasPrefix("listener") }) {
            reading.report(
                line: 1,
                key: "listener",
                problem: "nothing listens",
                remedy: "add a [[listener]] with its role"
            )
        }
        for (index, listener) in settings.listeners.enumerated() {
            guard let earlier = settings.listeners[..<index].first(where: { collide($0, listener) }) else { continue }
            let socket = listener.place
            reading.report(
                line: listener.line,
                key: "listener",
                problem:
                    "\(socket) is taken by the listener of line \(earlier.line)",
                remedy: "give it another port, address or path, or remove one"
            )
        }
        for listener in settings.listeners {
            guard listener.role == .local, let path = listener.path, path.utf8.count > 107 else { continue }
            reading.report(
                line: listener.line,
                key: "listener.path",
                problem: "the path is longer than the 107 bytes that a socket's may have",
                remedy: "use a shorter one"
            )
        }
    }

    private static func collide(_ one: Listener, _ other: Listener) -> Bool {
        if one.path != nil || other.path != nil { return one.path == other.path }
        guard one.port == other.port else { return false }
        let addresses = [one.address, other.address]
        if one.address == other.address || addresses.contains("::") { return true }
        return addresses.contains("0.0.0.0") && addresses.allSatisfy { !$0.contains(":") }
    }

    private static func checkRoutes(_ settings: PosternSettings, _ reading: inout Reading) {
        for (index, route) in settings.routes.enumerated() {
            guard let earlier = settings.routes[..<index].first(where: { $0.domain == route.domain }) else { continue }
            reading.report(
                line: route.line,
                key: "route.domain",
                problem: "the domain has a route in line \(earlier.line)",
                remedy: "keep one of the two"
            )
        }
        // A route that was reported is missing here; its domain would be blamed for nothing.
        guard !reading.diagnostics.contains(where: { $0.key.hasPrefix("route") }) else { return }
        for domain in settings.accept where settings.route(for: domain) == nil {
            reading.report(
                line: reading.positions.line("accept"),
                key: "accept",
                problem: "\(domain.wire) has no route, so its mail could go nowhere",
                remedy: "add a [[route]] for it"
            )
        }
        for (index, route) in settings.routes.enumerated() {
            guard case .domain(let domain) = route.domain, let recipients = route.recipients else { continue }
            for recipient in recipients where recipient.domain != domain {
                reading.report(
                    line: reading.positions.line("route[\(index)].recipients"),
                    key: "route.recipients",
                    problem: "one of the addresses is not in \(domain.wire)",
                    remedy: "move it to the route of its domain"
                )
            }
        }
    }

    private static func checkRules(_ settings: PosternSettings, _ reading: inout Reading) {
        let rules = settings.protection.rules
        for (index, rule) in rules.enumerated() {
            guard let earlier = rules[..<index].first(where: { $0.subject == rule.subject }) else { continue }
            reading.report(
                line: rule.line,
                key: "protection.rule.for",
                problem: "there is a rule for the same in line \(earlier.line)",
                remedy: "make one rule of the two"
            )
        }
    }

    private static func checkChannelRules(_ settings: PosternSettings, _ reading: inout Reading) {
        let rules = settings.channel.rules
        for (index, rule) in rules.enumerated() {
            let place = "channel.rule[\(index)]"
            if let earlier = rules[..<index].first(where: { $0.subject == rule.subject }) {
                reading.report(
                    line: rule.line,
                    key: place,
                    problem: "there is a rule for the same in line \(earlier.line)",
                    remedy: "make one rule of the two"
                )
            }
            if rule.pins.isEmpty, !rule.nextPins.isEmpty {
                reading.report(
                    line: reading.positions.line("\(place).next_pins"),
                    key: "channel.rule.next_pins",
                    problem: "there is no pin for what the server shows now",
                    remedy: "add pins"
                )
            }
            if rule.link != nil, !rule.pins.isEmpty {
                reading.report(
                    line: reading.positions.line("\(place).link"),
                    key: "channel.rule.link",
                    problem: "the rule has pins too",
                    remedy: "keep one of pins and link"
                )
            }
        }
    }

    private static func checkReportAddress(_ settings: PosternSettings, _ reading: inout Reading) {
        guard let domain = settings.channel.tlsReportAddress?.domain, !settings.accepts(domain) else { return }
        reading.report(
            "channel.tls_report_address",
            "mail from strangers is not taken for \(domain.wire), so no report could come",
            "add the domain to accept, or name an address in one that is there"
        )
    }

    private static func checkAmounts(_ settings: PosternSettings, _ reading: inout Reading) {
        let limits = settings.limits
        if limits.headerBytes > limits.messageBytes {
            reading.report("limits.header_bytes", "it is larger than message_bytes", "make it smaller")
        }
        if limits.expandedBytes < limits.messageBytes {
            reading.report(
                "limits.expanded_bytes",
                "it is smaller than message_bytes, so not even one copy of a large message fits",
                "make it larger"
            )
        }
        if limits.connectionsPerAddress > limits.connections {
            reading.report("limits.connections_per_address", "it is larger than connections", "make it smaller")
        }
    }

    private static func checkDelivery(_ settings: PosternSettings, _ reading: inout Reading) {
        let delivery = settings.delivery
        if delivery.retryFirst > delivery.retryLongest {
            reading.report("delivery.retry_first", "it is longer than retry_longest", "make it shorter")
        }
        if delivery.warnAfter >= delivery.expireAfter {
            reading.report(
                "delivery.warn_after",
                "the warning would come after the message has gone back",
                "make it shorter than expire_after"
            )
        }
        if !delivery.ipv4, !delivery.ipv6 {
            reading.report("delivery.ipv6", "without IPv4 and IPv6 no mail leaves", "switch one of them on")
        }
    }

    private static func checkLocal(_ settings: PosternSettings, _ reading: inout Reading) {
        if let spool = settings.spool, FilePath.isInside(spool.directory, settings.data) {
            reading.report(
                "spool.directory",
                "programs of other users can't reach into the data directory",
                "name a directory of its own, such as \"\(SpoolSettings.defaultDirectory)\""
            )
        }
        for caller in settings.callers {
            guard !settings.listeners.contains(where: { $0.role == .local }) else { break }
            reading.report(
                line: caller.line,
                key: "caller",
                problem: "no listener takes mail from programs of this machine",
                remedy: "add a [[listener]] with role = \"local\""
            )
        }
    }

    private static func checkSockets(_ settings: PosternSettings, _ reading: inout Reading) {
        if let socket = settings.control.socket, socket.utf8.count > 107 {
            reading.report(
                "control.socket",
                "the path is longer than the 107 bytes that a socket's may have",
                "use a shorter one"
            )
        }
        if let socket = settings.signIn.dovecot, socket.utf8.count > 107 {
            reading.report(
                "sign_in.dovecot",
                "the path is longer than the 107 bytes that a socket's may have",
                "use a shorter one"
            )
        }
    }
}

extension SettingsRules {
    private static func checkMetrics(_ settings: PosternSettings, _ reading: inout Reading) {
        guard let port = settings.metrics.port,
            let listener = settings.listeners.first(where: {
                $0.port == port && ["::", "0.0.0.0", "127.0.0.1"].contains($0.address)
            })
        else { return }
        reading.report(
            "metrics.port",
            "\(port) is taken by the listener of line \(listener.line)",
            "choose another port"
        )
    }

    private static func checkAlarms(_ settings: PosternSettings, _ reading: inout Reading) {
        if let program = settings.alarms.command.first, !program.hasPrefix("/") {
            reading.report(
                "alarms.command",
                "the program has no full path",
                "write it from the root, such as \"/usr/local/bin/notify\""
            )
        }
        if let address = settings.alarms.mail, settings.route(for: address.domain) == nil {
            reading.report(
                "alarms.mail",
                "no route leads to the domain of the address",
                "add a [[route]] for it, or name another address"
            )
        }
    }
}

extension Reading {
    fileprivate mutating func report(_ key: String, _ problem: String, _ remedy: String) {
        let table = key.split(separator: ".").first.map { String($0) } ?? key
        // The other key of the pair may be the one that was written.
        let line = positions.line(key) > 0 ? positions.line(key) : positions.line(table)
        report(line: line, key: key, problem: problem, remedy: remedy)
    }
}
