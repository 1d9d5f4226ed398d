// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
import DNSResolver
import Delivery
import SMTPWire

/// What DANE says on a server, and whether the certificate that it showed agrees.
package struct DANEVerdict: Sendable, Hashable, Encodable {
    package enum Word: String, Sendable, Hashable, Encodable {
        case match, mismatch
        /// There are signed records, and none can be used.
        case unusable
        /// There are none that are signed.
        case none
        /// The look-up failed or fails DNSSEC.
        case unavailable
    }

    package let word: Word
    package let sentence: String
    /// Of the records that were found, as `3 1 1 …`.
    package let records: [String]
}

/// Looks up the TLSA records of the host that is probed, as if a signed MX record named it (RFC 7672 §2.2).
struct DANEProbe: Sendable {
    let resolver: any DNSResolving
    let host: String
    let port: Int

    func verdict(_ chain: [[UInt8]], at now: Int64) async -> DANEVerdict {
        let mx = MailHostsLookup(domain: host, security: .secure, hasMX: false)
        var look = await addresses()
        var plan = TLSAPlan.plan(mx: mx, host: look)
        if case .askAlias(let name) = plan {
            look.aliasSecurity = LookupSecurity(await resolver.resolve(name, .cname).security)
            plan = TLSAPlan.plan(mx: mx, host: look)
        }
        var answers: [TLSAAnswer] = []
        if case .ask(let bases) = plan {
            for base in bases {
                answers.append(TLSAAnswer(await resolver.resolve(TLSAPlan.name(base: base, port: port), .tlsa)))
            }
        }
        let facts = DANEFacts.decide(plan, answers, mx: mx).facts
        let found = answers.filter { $0.security == .secure }.flatMap(\.records).map(\.shortText)
        return await verdict(facts, chain, found, now)
    }

    private func verdict(_ facts: DANEFacts, _ chain: [[UInt8]], _ found: [String], _ now: Int64) async -> DANEVerdict {
        switch facts {
        case .notApplicable(let reason): return DANEVerdict(word: .none, sentence: reason.text, records: [])
        case .unavailable(let failure): return DANEVerdict(word: .unavailable, sentence: failure.text, records: [])
        case .mustEncrypt:
            return DANEVerdict(
                word: .unusable,
                sentence: "there are signed TLSA records and none can be used",
                records: found
            )
        case .mustMatch(let requirement):
            switch await proof(requirement, chain, now) {
            case .success(let proof): return DANEVerdict(word: .match, sentence: proof.text, records: found)
            case .failure(let fault): return DANEVerdict(word: .mismatch, sentence: fault.text, records: found)
            }
        }
    }

    private func proof(
        _ requirement: DANERequirement,
        _ chain: [[UInt8]],
        _ now: Int64
    ) async -> Result<Proof, ProofFault> {
        do throws(ProofFault) {
            let presented = try PresentedChain(chain)
            return await presented.prove(requirement, at: now)
        } catch {
            return .failure(error)
        }
    }

    private func addresses() async -> HostLookup {
        async let four = resolver.resolve(host, .a)
        async let six = resolver.resolve(host, .aaaa)
        let answers = [await four, await six]
        return HostLookup(
            host: host,
            security: .best(answers.map { LookupSecurity($0.security) }),
            expandedHost: answers.compactMap(\.canonicalName).first
        )
    }
}
