// SPDX-License-Identifier: Apache-2.0

/// The answer to one TLSA question.
package struct TLSAAnswer: Sendable, Hashable {
    package let security: LookupSecurity
    package let records: [TLSARecord]

    package init(_ security: LookupSecurity, _ records: [TLSARecord] = []) {
        self.security = security
        self.records = records
    }
}

/// What the server has to match, with all that the match needs.
package struct DANERequirement: Sendable, Hashable {
    /// The name under which the records were found: SNI, and the first reference identifier.
    package let base: String
    package let records: TLSASet
    /// The names of which the certificate must have one, for records of usage 2 (RFC 7672 §3.2.2); the first is the base.
    package let references: [String]

    package init(base: String, records: TLSASet, references: [String]) {
        self.base = base
        self.records = records
        self.references = references
    }
}

/// What DANE says on one mail host.
package enum DANEFacts: Sendable, Hashable {
    case notApplicable(DANEAbsence)
    /// There are signed records and none can be used: TLS is mandatory, the certificate doesn't count (RFC 7672 §2.2).
    case mustEncrypt(base: String, records: TLSASet)
    case mustMatch(DANERequirement)
    /// Nothing may be sent to this host.
    case unavailable(DANEFailure)
}

/// One step on the way to ``DANEFacts``, for those who ask why.
package struct TLSAStep: Sendable, Hashable {
    package enum Finding: Sendable, Hashable {
        case found(usable: Int, passedOver: Int)
        case none(LookupSecurity)
        case failed(LookupSecurity)
        /// Not needed: an earlier name decided.
        case notNeeded
    }

    package let base: String
    package let finding: Finding

    package var text: String {
        switch finding {
        case .found(let usable, 0): "\(usable) usable"
        case .found(let usable, let passedOver): "\(usable) usable, \(passedOver) passed over"
        case .none(.secure): "none, as DNSSEC proves"
        case .none: "none that is signed"
        case .failed(let security): security == .bogus ? "the answer fails DNSSEC" : "the look-up failed"
        case .notNeeded: "not needed"
        }
    }
}

extension DANEFacts {
    /// Sums up what the questions of a ``TLSAPlan`` gave.
    ///
    /// `answers` stand in the order of the plan's base domains; one that is missing counts as failed.
    package static func decide(
        _ plan: TLSAPlan,
        _ answers: [TLSAAnswer],
        mx: MailHostsLookup
    ) -> (facts: DANEFacts, steps: [TLSAStep]) {
        switch plan {
        case .notApplicable(let reason): return (.notApplicable(reason), [])
        case .unavailable(let failure): return (.unavailable(failure), [])
        case .askAlias: return (.unavailable(DANEFailure(.alias, .failed)), [])
        case .ask(let bases): return decide(bases, answers, mx)
        }
    }

    private static func decide(
        _ bases: [String],
        _ answers: [TLSAAnswer],
        _ mx: MailHostsLookup
    ) -> (facts: DANEFacts, steps: [TLSAStep]) {
        var facts: DANEFacts?
        var steps: [TLSAStep] = []
        var absence = DANEAbsence.provenAbsent
        for (index, base) in bases.enumerated() {
            guard facts == nil else {
                steps.append(TLSAStep(base: base, finding: .notNeeded))
                continue
            }
            let answer = index < answers.count ? answers[index] : TLSAAnswer(.failed)
            switch answer.security {
            case .bogus, .failed:
                facts = .unavailable(DANEFailure(.tlsa, answer.security))
                steps.append(TLSAStep(base: base, finding: .failed(answer.security)))
            case .secure where !answer.records.isEmpty:
                let set = TLSASet(answer.records)
                facts = requirement(base, set, mx)
                let finding = TLSAStep.Finding.found(usable: set.usable.count, passedOver: set.passedOver.count)
                steps.append(TLSAStep(base: base, finding: finding))
            case .secure, .insecure:
                if answer.security == .insecure { absence = .insecureTLSA }
                steps.append(TLSAStep(base: base, finding: .none(answer.security)))
            }
        }
        return (facts ?? .notApplicable(absence), steps)
    }

    private static func requirement(_ base: String, _ set: TLSASet, _ mx: MailHostsLookup) -> DANEFacts {
        guard set.isUsable else { return .mustEncrypt(base: base, records: set) }
        var references = [base]
        for name in [mx.domain, mx.expandedDomain].compactMap({ $0 }) where !references.contains(name) {
            references.append(name)
        }
        return .mustMatch(DANERequirement(base: base, records: set, references: references))
    }
}
