// SPDX-License-Identifier: Apache-2.0

/// What the look-ups of a domain's mail hosts came to, as far as DANE asks.
package struct MailHostsLookup: Sendable, Hashable {
    /// The recipient domain, lower case, A-labels.
    package let domain: String
    /// Where aliases of the domain ended; nil when it has none.
    package let expandedDomain: String?
    /// Of the MX answer, aliases included; absence of MX records too.
    package let security: LookupSecurity
    /// False when the domain's own address stands in for MX records.
    package let hasMX: Bool

    package init(domain: String, expandedDomain: String? = nil, security: LookupSecurity, hasMX: Bool = true) {
        self.domain = domain
        self.expandedDomain = expandedDomain == domain ? nil : expandedDomain
        self.security = security
        self.hasMX = hasMX
    }
}

/// What the look-ups of one mail host's addresses came to.
package struct HostLookup: Sendable, Hashable {
    /// The host as the MX record names it, lower case, A-labels; or an address, which some zones have there.
    package let host: String
    /// The "host" is an address.
    package let isAddress: Bool
    /// Of the addresses: ``LookupSecurity/best(_:)`` of both families.
    package let security: LookupSecurity
    /// Where aliases of the host ended; nil when it has none.
    package let expandedHost: String?
    /// Of a question for the host's CNAME alone, made when ``TLSAPlan/askAlias(_:)`` asks for it.
    package var aliasSecurity: LookupSecurity?

    package init(
        host: String,
        isAddress: Bool = false,
        security: LookupSecurity,
        expandedHost: String? = nil,
        aliasSecurity: LookupSecurity? = nil
    ) {
        self.host = host
        self.isAddress = isAddress
        self.security = security
        self.expandedHost = expandedHost == host ? nil : expandedHost
        self.aliasSecurity = aliasSecurity
    }
}

/// Which TLSA questions a host calls for (RFC 7672 §2.2).
package enum TLSAPlan: Sendable, Hashable {
    /// Ask at these base domains, the first that yields secure records counts.
    ///
    /// They may be asked beside each other.
    case ask([String])
    /// The host is an alias that ends in an unsigned zone: whether the alias itself is signed decides, so ask for its CNAME.
    case askAlias(String)
    /// DANE says nothing on this host.
    case notApplicable(DANEAbsence)
    /// A look-up that matters failed: the host counts as unreachable.
    case unavailable(DANEFailure)

    /// What to ask next for `host`, one of the hosts that `mx` found.
    package static func plan(mx: MailHostsLookup, host: HostLookup) -> TLSAPlan {
        guard mx.security.isAnswer else { return .unavailable(.init(.mx, mx.security)) }
        guard mx.security == .secure else { return .notApplicable(.insecureMX) }
        if host.isAddress { return .notApplicable(.addressLiteral) }
        switch host.security {
        case .bogus, .failed: return .unavailable(.init(.address, host.security))
        case .secure: return .ask([host.expandedHost, host.host].compactMap { $0 })
        case .insecure: break
        }
        guard host.expandedHost != nil else { return .notApplicable(.insecureAddress) }
        switch host.aliasSecurity {
        case nil: return .askAlias(host.host)
        case .secure: return .ask([host.host])
        case .insecure: return .notApplicable(.insecureAddress)
        case .bogus: return .unavailable(.init(.alias, .bogus))
        case .failed: return .unavailable(.init(.alias, .failed))
        }
    }

    /// The name of a TLSA question.
    package static func name(base: String, port: Int) -> String { "_\(port)._tcp.\(base)" }
}

/// Why DANE says nothing on a host.
package enum DANEAbsence: String, Sendable, Hashable, CaseIterable {
    case insecureMX, insecureAddress, addressLiteral
    /// DNSSEC proves that there are no records.
    case provenAbsent
    /// The zone of the TLSA records is provably unsigned.
    case insecureTLSA

    package var text: String {
        switch self {
        case .insecureMX: "the MX records are not signed"
        case .insecureAddress: "the host's addresses are not signed"
        case .addressLiteral: "the MX record holds an address"
        case .provenAbsent: "DNSSEC proves that there are no TLSA records"
        case .insecureTLSA: "the TLSA records are not signed"
        }
    }
}

/// The look-up that keeps DANE from being decided.
package struct DANEFailure: Sendable, Hashable {
    package enum Question: String, Sendable, Hashable, CaseIterable { case mx, address, alias, tlsa }

    package let question: Question
    /// `bogus` or `failed`.
    package let security: LookupSecurity

    package init(_ question: Question, _ security: LookupSecurity) {
        self.question = question
        self.security = security
    }

    package var text: String {
        let subject =
            switch question {
            case .mx: "MX"
            case .address: "address"
            case .alias: "CNAME"
            case .tlsa: "TLSA"
            }
        return security == .bogus ? "the \(subject) answer fails DNSSEC" : "the \(subject) look-up failed"
    }
}
