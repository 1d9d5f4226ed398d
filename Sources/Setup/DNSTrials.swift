// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail
import SMTPWire
import Settings

/// Whether the DNS records lead other servers here.
///
/// Only asked where other servers come: with an `mx` listener that is open to them.
struct DNSTrials: Sendable {
    private let settings: PosternSettings
    private let resolver: (any DNSResolving)?
    private let own: Set<IPAddress>

    init(_ settings: PosternSettings, resolver: (any DNSResolving)?, own: Set<IPAddress> = OwnAddresses.all()) {
        self.settings = settings
        self.resolver = resolver
        self.own = own
    }

    func run() async -> [Trial] {
        guard settings.listeners.contains(where: { $0.role == .mx && !$0.isLoopback }) else { return [] }
        guard let resolver else {
            return [
                .unknown("dns", settings.hostname.key, "the resolver can't be set up", remedy: "look at [resolver]")
            ]
        }
        async let host = host(resolver)
        let domains = settings.accept
        let records = await withTaskGroup(of: (Int, [Trial]).self) { group in
            for (index, domain) in domains.enumerated() {
                group.addTask { (index, await exchanges(domain, resolver) + senders(domain, resolver)) }
            }
            var found: [(Int, [Trial])] = []
            for await result in group { found.append(result) }
            return found.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
        return await host + records
    }

    // MARK: - The host's own name

    private func host(_ resolver: any DNSResolving) async -> [Trial] {
        let name = settings.hostname.key
        async let four = resolver.resolve(name, .a)
        async let six = resolver.resolve(name, .aaaa)
        let answers = [await four, await six]
        let addresses = answers.filter(\.isUsable).flatMap(\.addresses)
        guard !addresses.isEmpty else {
            if let bad = answers.first(where: { !$0.isUsable }) { return [noAnswer("\(name) A", bad)] }
            return [
                .fault(
                    "dns",
                    "\(name) A",
                    "the host has no address",
                    remedy: "publish A (and AAAA) records with this machine's public addresses"
                )
            ]
        }
        var trials: [Trial] = []
        for address in addresses {
            trials.append(place(name, address))
            trials.append(await reverse(name, address, resolver))
        }
        return trials
    }

    private func place(_ name: String, _ address: IPAddress) -> Trial {
        let subject = "\(name) \(address.isIPv4 ? "A" : "AAAA")"
        return own.contains(address)
            ? .ok("dns", subject, address.text)
            : .unknown(
                "dns",
                subject,
                "\(address.text) is on no interface of this machine",
                remedy: "right where addresses are translated on the way; else publish this machine's own address"
            )
    }

    private func reverse(_ name: String, _ address: IPAddress, _ resolver: any DNSResolving) async -> Trial {
        let subject = "\(address.text) PTR"
        let answer = await resolver.resolve(address.reverseName, .ptr)
        guard answer.isUsable else { return noAnswer(subject, answer) }
        if answer.names.contains(where: { $0.lowercased() == name }) { return .ok("dns", subject, name) }
        return .fault(
            "dns",
            subject,
            answer.names.first.map { "the reverse name is \($0)" } ?? "there is no reverse name",
            remedy: "ask whoever gave you the address to set it to \(name); many servers refuse mail without it"
        )
    }

    // MARK: - The domains

    private func exchanges(_ domain: Domain, _ resolver: any DNSResolving) async -> [Trial] {
        let subject = "\(domain.key) MX"
        let answer = await resolver.resolve(domain.key, .mx)
        guard answer.isUsable else { return [noAnswer(subject, answer)] }
        let hosts = answer.records.compactMap { record in
            if case .mx(_, let exchange) = record { exchange.lowercased() } else { nil }
        }
        let host = settings.hostname.key
        var trials: [Trial] = []
        if hosts.contains(host) {
            trials.append(.ok("dns", subject, host))
        } else if hosts.isEmpty {
            trials.append(
                .fault(
                    "dns",
                    subject,
                    "the domain has no MX record",
                    remedy: "publish: \(domain.key). IN MX 10 \(host)."
                )
            )
        } else if await leadsHere(hosts, resolver) {
            trials.append(.ok("dns", subject, "\(hosts.joined(separator: ", ")), which is this machine"))
        } else {
            trials.append(
                .fault(
                    "dns",
                    subject,
                    "mail for the domain goes to \(hosts.prefix(3).joined(separator: ", "))",
                    remedy: "publish: \(domain.key). IN MX 10 \(host)."
                )
            )
        }
        trials.append(
            .ok(
                "dns",
                "\(domain.key) DNSSEC",
                answer.security == .secure ? "signed, and the signature is right" : "not signed"
            )
        )
        return trials
    }

    private func leadsHere(_ hosts: [String], _ resolver: any DNSResolving) async -> Bool {
        for host in hosts.prefix(5) where !host.isEmpty {
            async let four = resolver.resolve(host, .a)
            async let six = resolver.resolve(host, .aaaa)
            let addresses = [await four, await six].filter(\.isUsable).flatMap(\.addresses)
            if addresses.contains(where: own.contains) { return true }
        }
        return false
    }

    /// Who may send for the domain (RFC 7208): whether the record is right for this machine is not worked out.
    private func senders(_ domain: Domain, _ resolver: any DNSResolving) async -> [Trial] {
        let subject = "\(domain.key) SPF"
        let answer = await resolver.resolve(domain.key, .txt)
        guard answer.isUsable else { return [noAnswer(subject, answer)] }
        let policies = answer.texts.map { String(decoding: $0, as: UTF8.self) }.filter {
            $0.lowercased() == "v=spf1" || $0.lowercased().hasPrefix("v=spf1 ")
        }
        switch policies.count {
        case 1: return [.ok("dns", subject, policies[0])]
        case 0:
            return [
                .fault(
                    "dns",
                    subject,
                    "no record says who may send for the domain",
                    remedy: "publish: \(domain.key). IN TXT \"v=spf1 mx -all\""
                )
            ]
        default:
            return [
                .fault("dns", subject, "there are \(policies.count) records, so that none counts", remedy: "keep one")
            ]
        }
    }

    private func noAnswer(_ subject: String, _ answer: DNSAnswer) -> Trial {
        answer.security == .bogus
            ? .fault(
                "dns",
                subject,
                "the answer fails its DNSSEC check",
                remedy: "mend the zone's signatures, or ask whoever keeps it"
            )
            : .unknown(
                "dns",
                subject,
                "no name server answers",
                remedy: "look at [resolver] and at this machine's network"
            )
    }
}
