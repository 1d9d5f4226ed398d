// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Mail
import Privacy
package import SMTPTransport
import SMTPWire

/// The whole decision about the way to a domain, as an operator asks for it.
package struct DomainExplanation: Sendable {
    package struct Host: Sendable {
        package let host: String
        package let preference: UInt16
        /// Nil when the host has no address that may be used, or could not be looked up.
        package let survey: SurveyedHost?
        /// Why there is no survey.
        package let fault: FaultCause?
        /// What connecting came to; nil when nobody connected.
        package let trial: Trial?
    }

    /// What connecting came to: up to the second EHLO, no mail.
    package enum Trial: Sendable {
        /// How mail would go out, and the facts of the handshake; nil in clear.
        case open(ChannelRecord, TLSFacts?)
        case fault(DeliveryOutcome.Fault)
    }

    package let domain: Domain
    /// What DNSSEC says about the MX answer; nil when nothing may be sent by it.
    package let mx: MailHostsLookup?
    package let sts: STSFacts
    package let hosts: [Host]
    /// Why there is no host.
    package let outcome: DeliveryOutcome?
}

extension MailDelivery {
    /// Everything that decides about mail for a domain with an `mx` route; sends nothing.
    ///
    /// - Parameter connects: connect to each host too, and show the proof.
    package func explain(_ domain: Domain, connects: Bool) async -> DomainExplanation {
        async let sts = guidance.policies.facts(for: domain, now: time.calendar(), givingUp: false)
        switch await finder.hosts(of: domain) {
        case .none(let outcome):
            return DomainExplanation(domain: domain, mx: nil, sts: await sts, hosts: [], outcome: outcome)
        case .hosts(let exchanges, let lookup):
            let facts = ChannelSurvey.DomainFacts(domain: domain, mx: lookup, sts: await sts)
            var hosts: [DomainExplanation.Host] = []
            for exchange in exchanges.sorted(by: { ($0.preference, $0.host) < ($1.preference, $1.host) }) {
                hosts.append(await explain(exchange, facts, connects: connects))
            }
            return DomainExplanation(domain: domain, mx: lookup, sts: facts.sts, hosts: hosts, outcome: nil)
        }
    }

    private func explain(
        _ exchange: MailExchange,
        _ facts: ChannelSurvey.DomainFacts,
        connects: Bool
    ) async -> DomainExplanation.Host {
        var surveyed: SurveyedHost?
        var fault: FaultCause?
        var trial: DomainExplanation.Trial?
        switch await survey.survey(exchange, of: facts, wish: .none) {
        case .host(let host):
            surveyed = host
            if connects, case .connect(let channel) = host.decision.verdict { trial = await self.trial(host, channel) }
        case .noAddress: fault = .noUsableHost
        case .unknown(let cause): fault = cause
        }
        return DomainExplanation.Host(
            host: exchange.host,
            preference: exchange.preference,
            survey: surveyed,
            fault: fault,
            trial: trial
        )
    }

    /// Connects as a delivery would, and says goodbye.
    private func trial(_ host: SurveyedHost, _ channel: RequiredChannel) async -> DomainExplanation.Trial {
        let peer = Peer(mailExchange: host.host, addresses: host.addresses, port: options.port, channel: channel)
        do throws(ConversationFault) {
            let ready = try await connector.open(peer)
            let facts = await ready.connection.tls
            await ready.connection.quit()
            guard let record = ready.record else { return .fault(.init(.other, .protocolError)) }
            return .open(record, facts)
        } catch {
            return .fault(error.fault)
        }
    }
}
