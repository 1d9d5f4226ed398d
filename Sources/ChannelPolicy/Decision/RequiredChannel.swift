// SPDX-License-Identifier: Apache-2.0

/// What a server has to prove, with the exact data.
package enum ProofDemand: Sendable, Hashable {
    /// The onion service's address is the proof; inside it TLS where offered, with one of the pins where there are any.
    case onion(OnionRoute, pins: PinSet?)
    case pins(PinSet)
    case dane(DANERequirement)
    /// A chain to a public authority, and a certificate for one of the names.
    case publicAuthority(names: [String])

    package var text: String {
        switch self {
        case .onion(let route, _): "the onion service \(route.address)"
        case .pins(let set):
            "a certificate that matches " + (set.current + set.next).map(\.text).joined(separator: " or ")
        case .dane(let requirement):
            "a certificate that matches TLSA "
                + requirement.records.usable.map(\.record.shortText).joined(separator: " or ")
        case .publicAuthority(let names):
            "a certificate for \(names.joined(separator: " or ")) from a public authority"
        }
    }
}

package enum ChannelDemand: Sendable, Hashable {
    /// STARTTLS when offered, with any certificate; else, or when it fails, in clear.
    case clearAllowed
    /// TLS with any certificate.
    case encrypted
    case proven(ProofDemand)

    package var text: String {
        switch self {
        case .clearAllowed: "TLS when offered"
        case .encrypted: "TLS with any certificate"
        case .proven(let demand): demand.text
        }
    }
}

/// The channel to one host, fixed before connecting.
package struct RequiredChannel: Sendable, Hashable {
    package enum RequireTLS: Sendable, Hashable {
        case no
        /// Say it in MAIL where the server offers it.
        case whereOffered
        /// Nothing goes to a server that doesn't offer it inside TLS.
        case mustBeOffered
    }

    /// The rule that decided, or that raised it last.
    package let rule: ChannelRule
    package let demand: ChannelDemand
    /// For SNI: the TLSA base domain where DANE demands a match (RFC 7672 §8.1), else the host.
    ///
    /// Nil for an address.
    package let serverName: String?
    package let requireTLS: RequireTLS
    /// Under which policy the session counts in the domain's TLS report; nil where it doesn't.
    package let reportPolicy: TLSReportPolicy?
    /// A `testing` policy that the session is to be compared with, for the report only.
    package let observed: STSPolicy?

    /// Whether a failed handshake may be followed by another try in clear.
    package var allowsClear: Bool { demand == .clearAllowed && requireTLS != .mustBeOffered }
}

/// Why nothing is sent to a host, or to a domain.
package struct ChannelFault: Error, Sendable, Hashable {
    package enum Cause: Error, Sendable, Hashable {
        case dns(DANEFailure)
        /// The host is not in the domain's MTA-STS policy.
        case hostNotListed
        /// Our own store of policies can't be read.
        case policiesUnreadable
        case floorUnmet(ChannelFloor)
        /// The link that the operator declared does not cover the host, and why.
        case linkMissing(String)
        /// Neither DNSSEC nor MTA-STS vouches for the host's name, as REQUIRETLS wants.
        case unprovenHostName
        case startTLSNotOffered
        case startTLSRefused(code: Int)
        case handshake(HandshakeFault)
        case unproven(ProofFault)
        /// A proof was demanded and none was sought: a fault of ours.
        case proofMissing
        case requireTLSNotOffered
    }

    /// The rule that wants what is not there.
    package let rule: ChannelRule
    package let cause: Cause
    /// The message is a report on one with REQUIRETLS, which waits and is not lost (RFC 8689 §5).
    private let isReport: Bool

    package init(_ rule: ChannelRule, _ cause: Cause, isReport: Bool = false) {
        self.rule = rule
        self.cause = cause
        self.isReport = isReport
    }

    /// No other host of the domain will do either.
    var concernsDomain: Bool {
        if case .dns(let failure) = cause { failure.question == .mx } else { false }
    }

    /// When no host is left, the copy fails instead of waiting (RFC 8689 §4.2.1).
    package var isFinal: Bool {
        if isReport { return false }
        return switch cause {
        case .dns: false
        case .requireTLSNotOffered, .unprovenHostName: true
        default: rule == .requireTLS
        }
    }

    /// Subject and detail of the enhanced status code: 7.30, 7.10, 7.5, or 4.3 for the DNS.
    package var status: (subject: Int, detail: Int) {
        switch cause {
        case .dns: (4, 3)
        case .requireTLSNotOffered: (7, 30)
        case .startTLSNotOffered, .startTLSRefused: (7, 10)
        default: (7, 5)
        }
    }

    /// For the record.
    package var fixedWord: StaticString {
        switch cause {
        case .dns(let failure): failure.security == .bogus ? "bogus-dns" : "name-service-failed"
        case .hostNotListed: "host-not-in-policy"
        case .policiesUnreadable: "policies-unreadable"
        case .floorUnmet: "floor-unmet"
        case .linkMissing: "link-missing"
        case .unprovenHostName: "unproven-host-name"
        case .startTLSNotOffered: "starttls-not-offered"
        case .startTLSRefused: "starttls-refused"
        case .handshake(let fault): fault.fixedWord
        case .unproven(let fault): fault.fixedWord
        case .proofMissing: "proof-missing"
        case .requireTLSNotOffered: "requiretls-not-offered"
        }
    }

    package var text: String {
        switch cause {
        case .dns(let failure): failure.text
        case .policiesUnreadable: "the MTA-STS policies that are kept can't be read"
        case .hostNotListed: "the host is not in the domain's MTA-STS policy"
        case .floorUnmet(let floor): "the operator requires \(floor.rawValue), which is not to be had there"
        case .linkMissing(let reason): reason
        case .unprovenHostName: "the sender requires TLS, and neither DNSSEC nor MTA-STS vouches for the host's name"
        case .startTLSNotOffered: "the server does not offer STARTTLS"
        case .startTLSRefused(let code): "the server refused STARTTLS with \(code)"
        case .handshake(let fault): fault.text
        case .unproven(let fault): fault.text
        case .proofMissing: "no proof was sought"
        case .requireTLSNotOffered: "the sender requires TLS all the way and the server does not offer REQUIRETLS"
        }
    }
}

/// How a TLS handshake failed.
package enum HandshakeFault: String, Sendable, Hashable, CaseIterable {
    case noCommonVersion = "no-common-version"
    case noCommonCipher = "no-common-cipher"
    /// The server sent another alert.
    case alert
    case closed
    case timedOut = "timed-out"
    case malformed

    package var fixedWord: StaticString {
        switch self {
        case .noCommonVersion: "no-common-version"
        case .noCommonCipher: "no-common-cipher"
        case .alert: "handshake-alert"
        case .closed: "handshake-closed"
        case .timedOut: "handshake-timed-out"
        case .malformed: "handshake-malformed"
        }
    }

    package var text: String {
        switch self {
        case .noCommonVersion: "there is no TLS version that both sides have"
        case .noCommonCipher: "there is no cipher that both sides have"
        case .alert: "the server broke the handshake off with an alert"
        case .closed: "the server closed the connection in the handshake"
        case .timedOut: "the handshake took too long"
        case .malformed: "the handshake can't be read"
        }
    }
}
