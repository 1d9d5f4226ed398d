// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Commitment
package import Mail

/// `[channel]`: what the way to other mail servers must prove, beside what their domains publish.
package struct ChannelSettings: Sendable {
    /// A link below TLS that protects everything between here and a domain's mail hosts.
    package enum Link: Sendable, Hashable {
        /// The kernel's IPsec policies and states cover the host's address.
        case ipsec
        /// The route to the host's address leaves by this WireGuard interface.
        case wireGuard(interface: String)
    }

    /// One `[[channel.rule]]`.
    package struct Rule: Sendable {
        package enum Subject: Sendable, Hashable {
            /// A recipient domain, by whatever hosts it takes mail.
            case domain(Domain)
            /// A mail host, for whatever domain.
            case host(Domain)
        }

        package var subject: Subject
        /// The least that the channel must be.
        package var require: ChannelFloor?
        package var pins: [Pin] = []
        package var nextPins: [Pin] = []
        /// Of the certificates that the domain's servers show as clients.
        package var clientPins: [Pin] = []
        /// Mail from the domain is taken only from a client whose certificate is pinned.
        package var requireInbound = false
        package var link: Link?
        package var line = 0

        package init(for subject: Subject) { self.subject = subject }
    }

    /// Certificates (PEM) that are trusted beside the system's.
    package var caFile: String?
    /// Addresses that are not public, and that https look-ups may go to all the same.
    package var allowPrivate: [NetworkRange] = []
    /// Tell domains that ask for it how TLS with them went (RFC 8460).
    package var tlsReports: Bool
    /// Who answers questions about our reports.
    package var tlsReportContact: EmailAddress?
    /// The address to which others send their reports about us.
    package var tlsReportAddress: EmailAddress?
    package var rules: [Rule] = []

    package init(level: Level = .one) { tlsReports = level != .three }

    /// The rule for a recipient domain; nil when there is none.
    package func rule(for domain: Domain) -> Rule? { rules.first { $0.subject == .domain(domain) } }

    /// The pins that the rules give.
    package var pinSets: [PinSet] {
        rules.compactMap { rule in
            guard !rule.pins.isEmpty || !rule.nextPins.isEmpty else { return nil }
            let scope: PinSet.Scope =
                switch rule.subject {
                case .domain(let domain): .domain(domain.key)
                case .host(let host): .host(host.key)
                }
            return PinSet(scope, current: rule.pins, next: rule.nextPins)
        }
    }
}

/// One `[[channel.rule]]`, as a file gives it.
struct ChannelRuleDraft: Sendable {
    var domain: Domain?
    var host: Domain?
    var require: ChannelFloor?
    var pins: [Pin] = []
    var nextPins: [Pin] = []
    var clientPins: [Pin] = []
    var requireInbound = false
    var link: ChannelSettings.Link?
}
