// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Privacy
package import SMTPWire

/// What became of one recipient's copy.
package enum DeliveryOutcome: Sendable {
    /// The next hop has taken the copy, and with it the duty for it.
    case delivered(Acceptance)
    /// Not now; try again later.
    case deferred(Fault)
    /// Never; the sender is told.
    case failed(Fault)

    package struct Acceptance: Sendable {
        /// What the next hop said; nil for a mailbox here.
        package let reply: RemoteReply?
        /// The name of the host that took it; nil for a mailbox here.
        package let host: Sensitive<String>?
        /// The next hop got the recipient's DSN wishes and reports from now on.
        ///
        /// False: a wished success report is ours to send, as `relayed` (RFC 3461 §5.2.2), or as `delivered` for a
        /// mailbox here.
        package let relayedDSN: Bool

        package init(reply: RemoteReply?, host: Sensitive<String>?, relayedDSN: Bool) {
            self.reply = reply
            self.host = host
            self.relayedDSN = relayedDSN
        }
    }

    package struct Fault: Sendable {
        /// Subject and detail for the DSN; the class follows from the case.
        package let status: EnhancedStatus
        package let cause: FaultCause
        /// The last word of the other side; nil when nothing came from it.
        package let reply: RemoteReply?
        /// The host that was spoken to, or tried last; nil when it never came to that.
        package let host: Sensitive<String>?
        /// What the channel lacks; nil where it is not to blame.
        package let channel: ChannelFault?
        /// What each side offered in a handshake that failed, in one sentence without a full stop; nil for none.
        package let hellos: String?

        package init(
            _ status: EnhancedStatus,
            _ cause: FaultCause,
            reply: RemoteReply? = nil,
            host: Sensitive<String>? = nil,
            channel: ChannelFault? = nil,
            hellos: String? = nil
        ) {
            self.status = status
            self.cause = cause
            self.reply = reply
            self.host = host
            self.channel = channel
            self.hellos = hellos
        }
    }

    /// The basic reply code to show where the other side gave none: 451 and 554, or what a fixed case has.
    package var defaultCode: Int {
        switch self {
        case .delivered: 250
        case .deferred: 451
        case .failed(let fault): fault.cause == .nullMX ? 556 : fault.cause == .noRoute ? 550 : 554
        }
    }

    /// `2.0.0`, `4.4.1`, `5.1.1`: the status field of a delivery report (RFC 3464 §2.3.4).
    package var statusText: String {
        switch self {
        case .delivered: "2.0.0"
        case .deferred(let fault): "4.\(fault.status.subject).\(fault.status.detail)"
        case .failed(let fault): "5.\(fault.status.subject).\(fault.status.detail)"
        }
    }

    /// No route leads to the domain.
    package static let noRoute = DeliveryOutcome.failed(Fault(.badDestinationSystem, .noRoute))

    /// The filter that the copy came by is not in the settings now.
    package static let noFilter = DeliveryOutcome.deferred(Fault(.systemOther, .noFilter))
}

/// Why a copy was not delivered, in words that tell nothing about people.
package enum FaultCause: String, FixedWord, Hashable, CaseIterable {
    case noRoute, noFilter, nullMX, noSuchDomain, noUsableHost, routingLoop
    case nameServiceFailed, bogusDNS
    case unreachable, connectionLost, timedOut, tlsFailed, tlsRequired, authenticationFailed, protocolError,
        hostUnavailable
    case channelUnproven, hostNotInPolicy, floorUnmet, linkMissing, unprovenHostName, requireTLSNotOffered
    case policiesUnreadable
    case refusedByHost
    case eightBitBody, nonASCIIAddress, nonASCIIHeader, tooLarge
    case flawedContent, unreadable, mailboxUnknown, mailboxError
    case cancelled

    package var fixedWord: StaticString {
        switch self {
        case .noRoute: "no-route"
        case .noFilter: "no-filter"
        case .nullMX: "null-mx"
        case .noSuchDomain: "no-such-domain"
        case .noUsableHost: "no-usable-host"
        case .routingLoop: "routing-loop"
        case .nameServiceFailed: "name-service-failed"
        case .bogusDNS: "bogus-dns"
        case .unreachable: "unreachable"
        case .connectionLost: "connection-lost"
        case .timedOut: "timed-out"
        case .tlsFailed: "tls-failed"
        case .tlsRequired: "tls-required"
        case .authenticationFailed: "authentication-failed"
        case .protocolError: "protocol-error"
        case .hostUnavailable: "host-unavailable"
        case .channelUnproven: "channel-unproven"
        case .hostNotInPolicy: "host-not-in-policy"
        case .policiesUnreadable: "policies-unreadable"
        case .floorUnmet: "floor-unmet"
        case .linkMissing: "link-missing"
        case .unprovenHostName: "unproven-host-name"
        case .requireTLSNotOffered: "requiretls-not-offered"
        case .refusedByHost: "refused-by-host"
        case .eightBitBody: "eight-bit-body"
        case .nonASCIIAddress: "non-ascii-address"
        case .nonASCIIHeader: "non-ascii-header"
        case .tooLarge: "too-large"
        case .flawedContent: "flawed-content"
        case .unreadable: "unreadable"
        case .mailboxUnknown: "mailbox-unknown"
        case .mailboxError: "mailbox-error"
        case .cancelled: "cancelled"
        }
    }
}

extension FaultCause {
    init(_ fault: ChannelFault) {
        self =
            switch fault.cause {
            case .dns(let failure): failure.security == .bogus ? .bogusDNS : .nameServiceFailed
            case .hostNotListed: .hostNotInPolicy
            case .policiesUnreadable: .policiesUnreadable
            case .floorUnmet: .floorUnmet
            case .linkMissing: .linkMissing
            case .unprovenHostName: .unprovenHostName
            case .startTLSNotOffered, .startTLSRefused: .tlsRequired
            case .handshake: .tlsFailed
            case .unproven, .proofMissing: .channelUnproven
            case .requireTLSNotOffered: .requireTLSNotOffered
            }
    }
}

extension EnhancedStatus {
    /// X.1.2: no such domain, or nothing there takes mail.
    static let badDestinationSystem = EnhancedStatus(1, 2)
    /// X.1.10: the domain says that it takes no mail (RFC 7505).
    static let nullMX = EnhancedStatus(1, 10)
    /// X.4.3: the DNS gave no answer that can be used.
    static let directoryFailure = EnhancedStatus(4, 3)
    /// X.4.4: no host of the domain can be connected to.
    static let unableToRoute = EnhancedStatus(4, 4)
    /// X.7.30: the other side does not promise to keep REQUIRETLS (RFC 8689 §8).
    static let requireTLSSupport = EnhancedStatus(7, 30)
    /// X.7.5: TLS that was to be proven was not.
    static let cryptographicFailure = EnhancedStatus(7, 5)
}
