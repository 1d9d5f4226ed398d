// SPDX-License-Identifier: Apache-2.0

package import DNSResolver
package import Mail
import SMTPWire

/// Finds a domain's mail hosts and their addresses in the DNS.
package struct MailHostFinder: Sendable {
    private let resolver: any DNSResolving
    private let ownNames: Set<String>
    private let rules: AddressRules

    /// `ownNames`: names under which this gateway appears in MX records, its host name above all.
    package init(resolver: any DNSResolving, ownNames: [Domain], rules: AddressRules) {
        self.resolver = resolver
        self.ownNames = Set(ownNames.map(\.key))
        self.rules = rules
    }

    enum Hosts: Sendable {
        case hosts([MailExchange])
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
        case .hosts(let hosts): return .hosts(hosts)
        case .implicit: return implicitHost(answer.canonicalName ?? domain.key)
        case .refusesMail: return .none(.failed(.init(.nullMX, .nullMX)))
        case .loop: return .none(.failed(.init(.routingLoop, .routingLoop)))
        case .unusable: return .none(.failed(.init(.unableToRoute, .noUsableHost)))
        }
    }

    private func implicitHost(_ name: String) -> Hosts {
        ownNames.contains(name.lowercased())
            ? .none(.failed(.init(.routingLoop, .routingLoop)))
            : .hosts([MailExchange(preference: 0, host: name.lowercased())])
    }

    /// The host's addresses of both families, asked for at the same time.
    ///
    /// CNAMEs are followed.
    func addresses(of host: String) async -> Addresses {
        if let literal = IPAddress(host) {
            return rules.allows(literal) ? .addresses([literal]) : .none
        }
        async let six = rules.allowsIPv6 ? resolver.resolve(host, .aaaa) : nil
        async let four = rules.allowsIPv4 ? resolver.resolve(host, .a) : nil
        let answers = [await six, await four].compactMap { $0 }
        let found = rules.order(answers.filter(\.isUsable).flatMap(\.addresses))
        if !found.isEmpty { return .addresses(found) }
        if let bad = answers.first(where: { !$0.isUsable }) { return .unknown(MailHostFinder.cause(bad)) }
        return .none
    }

    private static func cause(_ answer: DNSAnswer) -> FaultCause {
        answer.security == .bogus ? .bogusDNS : .nameServiceFailed
    }
}
