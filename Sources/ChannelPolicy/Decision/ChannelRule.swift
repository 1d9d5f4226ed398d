// SPDX-License-Identifier: Apache-2.0

/// What can decide about a channel.
///
/// The first seven are asked in this order, and the first that holds decides; the others raise what it demands, and
/// ``tlsOptional`` lowers what recipients' policies ask.
package enum ChannelRule: String, Sendable, Hashable, CaseIterable {
    case onion
    /// A link below TLS that the operator declared.
    case link
    case pins, dane
    case sts = "mta-sts"
    case ratchet, opportunistic
    /// The operator's floor for the domain.
    case floor
    /// REQUIRETLS of the message (RFC 8689).
    case requireTLS = "requiretls"
    /// `TLS-Required: no` in the message, which lowers what recipients' policies ask (RFC 8689 §3).
    case tlsOptional = "tls-required-no"
    /// The level of this gateway.
    case level

    /// For the record.
    package var fixedWord: StaticString {
        switch self {
        case .onion: "onion"
        case .link: "link"
        case .pins: "pins"
        case .dane: "dane"
        case .sts: "mta-sts"
        case .ratchet: "ratchet"
        case .opportunistic: "opportunistic"
        case .floor: "floor"
        case .requireTLS: "requiretls"
        case .tlsOptional: "tls-required-no"
        case .level: "level"
        }
    }
}

/// One rule and what it came to, for `postern explain`.
package struct ChannelStep: Sendable, Hashable {
    package enum Finding: String, Sendable, Hashable {
        /// The rule decides.
        case holds
        case passedOver = "passed-over"
        /// The rule demands more than the one that decided.
        case raises
        /// Nothing may be sent.
        case blocks
    }

    package let rule: ChannelRule
    package let finding: Finding
    /// Why, in one sentence without a full stop.
    package let text: String

    package init(_ rule: ChannelRule, _ finding: Finding, _ text: String) {
        self.rule = rule
        self.finding = finding
        self.text = text
    }
}

/// The least that the operator wants for a domain: `require` in the settings.
package enum ChannelFloor: String, Sendable, Hashable, CaseIterable { case encrypted, authenticated, pinned, onion }

/// What the message itself says about TLS.
///
/// Where it has both REQUIRETLS and the header field, the field doesn't count (RFC 8689 §4.1).
package enum TLSWish: Sendable, Hashable {
    case none
    /// REQUIRETLS. A report, with its empty return path, is not lost for want of it (RFC 8689 §5).
    case required(isReport: Bool)
    /// `TLS-Required: no`.
    case optional(fromOurUser: Bool)

    /// The message says REQUIRETLS.
    package var isRequired: Bool { if case .required = self { true } else { false } }
}

/// An onion service that takes the domain's mail.
package struct OnionRoute: Sendable, Hashable {
    package enum Proof: String, Sendable, Hashable {
        /// The operator or a peer's statement names it.
        case pinned
        case dnssec
    }

    package let address: String
    package let port: Int
    package let proof: Proof

    package init(address: String, port: Int = 25, proof: Proof) {
        self.address = address
        self.port = port
        self.proof = proof
    }
}

/// What became of a link below TLS (IPsec, WireGuard) that the operator declared for a domain.
package enum LinkFacts: Sendable, Hashable {
    /// It covers the addresses that will be connected to; what it is, for people.
    case protects(String)
    /// It covers none of them, and why.
    case missing(String)
}

/// What is known of a domain's MTA-STS policy at the time of sending.
package enum STSFacts: Sendable, Hashable {
    /// None holds, and why.
    case none(STSAbsence)
    /// This one holds (``STSLife``).
    case inForce(CachedSTS)
    /// What was cached can't be read, so an `enforce` may hold: a fault of ours, and mail waits.
    case unreadable
}

package enum STSAbsence: Sendable, Hashable {
    case record(STSRecord.Absence)
    case lookup(LookupSecurity)
    /// The domain has a record, but its first policy could not be had (RFC 8461 §3.3).
    case fetch(STSFetch.Failure)
    /// It said `none` with no age.
    case ended
    /// MTA-STS was not asked: it is switched off, or the destination is no domain.
    case notAsked

    package var text: String {
        switch self {
        case .record(let absence): absence.text
        case .lookup(let security):
            security == .bogus ? "the MTA-STS record fails DNSSEC" : "the MTA-STS record can't be looked up"
        case .fetch(let failure): "no policy is cached and \(failure.text)"
        case .ended: "the domain ended its policy"
        case .notAsked: "MTA-STS was not asked"
        }
    }
}
