// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
package import DNSResolver
package import Mail
import SMTPWire

/// Finds a domain's mail hosts and their addresses in the DNS.
package struct MailHostFinder: Sendable {
    let resolver: any DNSResolving
    private let ownNames: Set<String>
    private let rules: AddressRules

    /// `ownNames`: names under which this gateway appears in MX records, its host name above all.
    package init(resolver: any DNSResolving, ownNames: [Domain], rules: AddressRules) {
        self.resolver = resolver
        self.ownNames = Set(ownNames.map(\.key))
        self.rules = rules
    }

    enum Hosts: Sendable {
        /// In the order in which to try them, with what DNSSEC says about how they were found.
        case hosts([MailExchange], MailHostsLookup)
        case none(DeliveryOutcome)
    }

    enum Addresses: Sendable {
        case addresses([IPAddress])
        /// The host has none, or none that may be used.
        case none
        /// The DNS did not say.
        case unknown(FaultCause)
    }

    /// Steps 1 to 3 of RFC 5321 §5.1: the hosts, in the order in which to try them.
    func hosts(of domain: Domain) async -> Hosts {
        let answer = await resolver.resolve(domain.key, .mx)
        guard answer.isUsable else { return .none(.deferred(.init(.directoryFailure, MailHostFinder.cause(answer)))) }
        if answer.nameDoesNotExist { return .none(.failed(.init(.badDestinationSystem, .noSuchDomain))) }
        var random = SystemRandomNumberGenerator()
        switch MailExchangeOrder.choose(answer.records, ownNames: ownNames, using: &random) {
        case .hosts(let hosts): return .hosts(hosts, lookup(domain, answer, hasMX: true))
        case .implicit: return implicitHost(answer.canonicalName ?? domain.key, lookup(domain, answer, hasMX: false))
        case .refusesMail: return .none(.failed(.init(.nullMX, .nullMX)))
        case .loop: return .none(.failed(.init(.routingLoop, .routingLoop)))
        case .unusable: return .none(.failed(.init(.unableToRoute, .noUsableHost)))
        }
    }

    private func lookup(_ domain: Domain, _ answer: DNSAnswer, hasMX: Bool) -> MailHostsLookup {
        MailHostsLookup(
            domain: domain.key,
            expandedDomain: answer.canonicalName?.lowercased(),
            security: LookupSecurity(answer.security),
            hasMX: hasMX
        )
    }

    private func implicitHost(_ name: String, _ lookup: MailHostsLookup) -> Hosts {
        ownNames.contains(name.lowercased())
            ? .none(.failed(.init(.routingLoop, .routingLoop)))
            : .hosts([MailExchange(preference: 0, host: name.lowercased())], lookup)
    }

    /// The host's addresses of both families, asked for at the same time, and what DNSSEC says about them.
    ///
    /// CNAMEs are followed.
    func addresses(of host: String) async -> (Addresses, HostLookup) {
        if let literal = IPAddress(host) {
            let lookup = HostLookup(host: host, isAddress: true, security: .insecure)
            return (rules.allows(literal) ? .addresses([literal]) : .none, lookup)
        }
        async let six = rules.allowsIPv6 ? resolver.resolve(host, .aaaa) : nil
        async let four = rules.allowsIPv4 ? resolver.resolve(host, .a) : nil
        let answers = [await six, await four].compactMap { $0 }
        let lookup = HostLookup(
            host: host,
            security: LookupSecurity.best(answers.map { LookupSecurity($0.security) }),
            expandedHost: answers.lazy.compactMap(\.canonicalName).first?.lowercased()
        )
        let found = rules.order(answers.filter(\.isUsable).flatMap(\.addresses))
        if !found.isEmpty { return (.addresses(found), lookup) }
        if let bad = answers.first(where: { !$0.isUsable }) { return (.unknown(MailHostFinder.cause(bad)), lookup) }
        return (.none, lookup)
    }

    /// What DNSSEC says about the CNAME of a host by itself.
    func aliasSecurity(of host: String) async -> LookupSecurity {
        LookupSecurity(await resolver.resolve(host, .cname).security)
    }

    private static func cause(_ answer: DNSAnswer) -> FaultCause {
        answer.security == .bogus ? .bogusDNS : .nameServiceFailed
    }
}
