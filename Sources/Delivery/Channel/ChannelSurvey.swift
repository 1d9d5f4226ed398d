// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import DNSResolver
import Mail
import Privacy
package import SMTPWire
import Settings

/// A mail host, all that was found out about it, and what follows for the channel to it.
package struct SurveyedHost: Sendable {
    /// As the MX record names it; or an address.
    package let host: String
    package let preference: UInt16
    package let lookup: HostLookup
    /// The addresses that may be connected to, in the order in which to try them.
    package let addresses: [IPAddress]
    /// The TLSA questions and what each came to.
    package let tlsa: [TLSAStep]
    package let decision: ChannelDecision
}

/// Finds out what decides about the channel to a mail host, and decides; connects to no one.
///
/// Look-ups that do not need each other's answers run side by side.
struct ChannelSurvey: Sendable {
    let finder: MailHostFinder
    let guidance: ChannelGuidance
    let port: Int
    let time: Time

    /// What holds for the whole domain, looked up while its mail hosts are.
    struct DomainFacts: Sendable {
        let domain: Domain
        let mx: MailHostsLookup
        let sts: STSFacts
    }

    /// A host to be surveyed could not be looked up, or has no address that may be used.
    enum Survey: Sendable {
        case host(SurveyedHost)
        case noAddress
        case unknown(FaultCause)
    }

    /// Nil answers mean that the host has no address.
    func survey(_ exchange: MailExchange, of facts: DomainFacts, wish: TLSWish) async -> Survey {
        // Asked beside the addresses; where those turn out unsigned nobody waits for it (RFC 7672 §2.2.2).
        async let ownTLSA =
            facts.mx.security == .secure && IPAddress(exchange.host) == nil
            ? tlsa(exchange.host) : TLSAAnswer(.failed)
        async let learned = guidance.ratchet.entry(domain: facts.domain.key, host: exchange.host)
        let (found, lookup) = await finder.addresses(of: exchange.host)
        let addresses: [IPAddress]
        switch found {
        case .addresses(let list): addresses = list
        case .none: return .noAddress
        case .unknown(let cause): return .unknown(cause)
        }
        let link = await linkFacts(facts.domain, addresses)
        var host = lookup
        var plan = TLSAPlan.plan(mx: facts.mx, host: host)
        if case .askAlias(let alias) = plan {
            host.aliasSecurity = await finder.aliasSecurity(of: alias)
            plan = TLSAPlan.plan(mx: facts.mx, host: host)
        }
        var answers: [TLSAAnswer] = []
        if case .ask(let bases) = plan {
            async let others = tlsa(bases.filter { $0 != exchange.host })
            let own = bases.contains(exchange.host) ? await ownTLSA : nil
            var rest = await others[...]
            answers = bases.map { ($0 == exchange.host ? own : rest.popFirst()) ?? TLSAAnswer(.failed) }
        }
        let dane = DANEFacts.decide(plan, answers, mx: facts.mx)
        let decision = ChannelCase(
            domain: facts.domain.key,
            host: exchange.host,
            hostIsAddress: host.isAddress,
            mx: facts.mx.security,
            level: guidance.level,
            floor: guidance.settings.rule(for: facts.domain)?.require,
            wish: wish,
            link: link.facts,
            pins: guidance.pins(domain: facts.domain.key, host: exchange.host),
            dane: dane.facts,
            sts: facts.sts,
            ratchet: await learned,
            now: time.calendar().seconds
        ).decide()
        return .host(
            SurveyedHost(
                host: exchange.host,
                preference: exchange.preference,
                lookup: host,
                addresses: link.addresses,
                tlsa: dane.steps,
                decision: decision
            )
        )
    }

    private func tlsa(_ base: String) async -> TLSAAnswer {
        TLSAAnswer(await finder.resolver.resolve(TLSAPlan.name(base: base, port: port), .tlsa))
    }

    /// The answers for several base domains, asked at the same time, in their order.
    private func tlsa(_ bases: [String]) async -> [TLSAAnswer] {
        await withTaskGroup(of: (Int, TLSAAnswer).self) { group in
            for (index, base) in bases.enumerated() { group.addTask { (index, await tlsa(base)) } }
            var answers = Array(repeating: TLSAAnswer(.failed), count: bases.count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
    }

    /// Of the addresses those that the declared link covers; all of them where none is declared.
    private func linkFacts(_ domain: Domain, _ addresses: [IPAddress]) async -> (
        facts: LinkFacts?, addresses: [IPAddress]
    ) {
        guard let link = guidance.settings.rule(for: domain)?.link else { return (nil, addresses) }
        var covered: [IPAddress] = []
        var reason: String?
        for address in addresses {
            if let obstacle = await guidance.links.obstacle(link, to: address) {
                reason = reason ?? obstacle
            } else {
                covered.append(address)
            }
        }
        if covered.isEmpty { return (.missing(reason ?? "no address is covered"), addresses) }
        let name =
            switch link {
            case .ipsec: "IPsec protects the way to the host"
            case .wireGuard(let interface): "the WireGuard link \(interface) protects the way to the host"
            }
        return (.protects(name), covered)
    }
}
