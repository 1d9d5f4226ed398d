// SPDX-License-Identifier: Apache-2.0

package import Mail
package import SMTPTransport
package import Settings

/// How hard and in what manner next hops are used.
package struct DeliveryOptions: Sendable {
    /// The name for EHLO and LHLO.
    package var hostname: Domain
    /// Connections to one MX host at a time.
    package var connectionsPerHost: Int
    /// Connections for one recipient domain at a time, and to one configured next hop.
    package var connectionsPerDomain: Int
    /// The port of MX hosts.
    package var port: Int
    package var addressRules: AddressRules
    package var timeouts: ClientTimeouts
    /// How long a TCP connection may take to come about.
    package var connectTimeout: Duration
    /// How long a connection is kept for the next message.
    package var idleLimit: Duration
    /// After so many transactions a connection is closed, so that load spreads again.
    package var maxTransactions: Int
    /// Recipients of one transaction; every server takes a hundred (RFC 5321 §4.5.3.1.8).
    package var maxRecipients: Int

    package init(hostname: Domain, settings: DeliverySettings = DeliverySettings()) {
        self.hostname = hostname
        self.connectionsPerHost = settings.connectionsPerHost
        self.connectionsPerDomain = settings.connectionsPerDomain
        self.port = settings.port
        self.addressRules = AddressRules(
            allowsLoopback: settings.port != 25,
            allowsIPv4: settings.ipv4,
            allowsIPv6: settings.ipv6
        )
        self.timeouts = ClientTimeouts()
        self.connectTimeout = .seconds(30)
        self.idleLimit = .seconds(8)
        self.maxTransactions = 100
        self.maxRecipients = 100
    }
}
