// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelRecords
import Control
import Delivery
import Dial
import Mail
import SMTPTransport
import SMTPWire

extension ChannelReport {
    init(_ explanation: DomainExplanation) {
        self.init(domain: explanation.domain.wire, policy: explanation.sts.text)
        mailHosts = explanation.mx.map { lookup in
            lookup.hasMX ? lookup.security.rawValue : "\(lookup.security.rawValue), no MX record: the domain itself"
        }
        hosts = explanation.hosts.map(ChannelReport.Host.init)
        fault = explanation.outcome.flatMap { outcome in
            switch outcome {
            case .deferred(let fault): "mail waits: \(FaultSentence.sentence(for: fault))"
            case .failed(let fault): "mail comes back: \(FaultSentence.sentence(for: fault))"
            case .delivered: nil
            }
        }
    }
}

extension ChannelReport.Host {
    init(_ host: DomainExplanation.Host) {
        guard let survey = host.survey else {
            let reason = host.fault.map { FaultSentence.sentence(for: $0) } ?? "It can't be used."
            self.init(name: host.host, preference: Int(host.preference), verdict: "skip", demand: reason)
            return
        }
        let verdict: String
        let demand: String
        switch survey.decision.verdict {
        case .connect(let channel): (verdict, demand) = ("connect", channel.demand.text)
        case .skipHost(let fault): (verdict, demand) = ("skip", fault.text)
        case .deferDelivery(let fault): (verdict, demand) = ("wait", fault.text)
        }
        self.init(name: host.host, preference: Int(host.preference), verdict: verdict, demand: demand)
        if case .connect(let channel) = survey.decision.verdict { serverName = channel.serverName }
        addresses = survey.addresses.map(\.text)
        addressSecurity = survey.lookup.security.rawValue
        alias = survey.lookup.expandedHost
        tlsa = survey.tlsa.map { ChannelReport.Question(name: $0.base, answer: $0.text) }
        rules = survey.decision.trail.map {
            ChannelReport.Rule(rule: $0.rule.rawValue, finding: $0.finding.rawValue, because: $0.text)
        }
        trial = host.trial.map(ChannelReport.Trial.init)
    }
}

extension ChannelReport.Trial {
    init(_ trial: DomainExplanation.Trial) {
        switch trial {
        case .fault(let fault):
            let sentence = FaultSentence.sentence(for: fault)
            self.init(isOpen: false, sentence: fault.hellos.map { "\(sentence) \($0)" } ?? sentence)
        case .open(let record, let facts):
            self.init(
                isOpen: true,
                sentence: record.sentence,
                tls: facts.map {
                    [$0.version.rawValue, $0.cipher, $0.group].compactMap { $0 }.joined(separator: ", ")
                },
                pin: facts?.fingerprints.flatMap { Pin(.publicKey, sha256: $0.publicKey)?.text }
            )
        }
    }
}

extension ChannelRecord {
    var sentence: String {
        switch protection {
        case .clear: "in clear"
        case .encrypted: "encrypted, and nothing had to be proven"
        case .onion: "through the onion route"
        case .proven(let proof): "encrypted, and proven: \(proof.text)"
        }
    }
}

extension RatchetRecords {
    func summaries() async throws -> [RatchetSummary] {
        try await all().map { entry in
            RatchetSummary(
                domain: entry.domain,
                host: entry.host,
                lastEncrypted: Int(entry.lastEncrypted),
                holdsUntil: Int(entry.expiresAt)
            )
        }
    }
}

extension STSFacts {
    var text: String {
        switch self {
        case .none(let absence): absence.text
        case .unreadable: "the policies that are kept can't be read"
        case .inForce(let cached): "policy \(cached.id) says \(cached.policy.mode.rawValue)"
        }
    }
}
