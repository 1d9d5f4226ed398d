// SPDX-License-Identifier: Apache-2.0

package import Mail

/// One `[[route]]`: where mail for a domain goes.
///
/// It never says who may send.
package struct Route: Sendable, Hashable {
    package enum Destination: Sendable, Hashable {
        /// `*`: every domain without a route of its own.
        case any
        case domain(Domain)
    }

    package enum Target: Sendable, Hashable {
        /// The gateway's own users and aliases.
        case maildir
        /// LMTP (RFC 2033), one reply per recipient.
        case lmtp(NextHop)
        case relay(NextHop)
        /// The domain's MX hosts.
        case mx
    }

    package var domain: Destination
    package var target: Target
    /// Who exists behind an `lmtp` or `relay` route; nil means that the next hop is asked.
    package var recipients: [EmailAddress]?
    /// The line of the `[[route]]` in the settings file; 0 when no file gave it.
    package var line: Int

    package init(domain: Destination, target: Target, recipients: [EmailAddress]? = nil, line: Int = 0) {
        self.domain = domain
        self.target = target
        self.recipients = recipients
        self.line = line
    }
}

/// The server that an `lmtp` or `relay` route hands mail to, and how the channel to it must be proven.
package struct NextHop: Sendable, Hashable {
    package enum ChannelSecurity: String, Sendable, CaseIterable {
        /// STARTTLS required; the certificate must verify for the host's name.
        case verify
        /// STARTTLS when offered, no proof asked.
        case opportunistic
        /// No TLS.
        case off
    }

    /// A login at the next hop.
    ///
    /// Only ever sent inside verified TLS.
    package struct Credentials: Sendable, Hashable {
        package var username: String
        /// A file whose first line is the password.
        package var passwordFile: String

        package init(username: String, passwordFile: String) {
            self.username = username
            self.passwordFile = passwordFile
        }
    }

    package var endpoint: Endpoint
    package var tls: ChannelSecurity
    /// Certificates (PEM) to trust for this hop beside the system's.
    package var caFile: String?
    package var credentials: Credentials?

    package init(
        endpoint: Endpoint,
        tls: ChannelSecurity? = nil,
        caFile: String? = nil,
        credentials: Credentials? = nil
    ) {
        self.endpoint = endpoint
        self.tls = tls ?? Self.defaultSecurity(to: endpoint)
        self.caFile = caFile
        self.credentials = credentials
    }

    /// `verify` off loopback, `opportunistic` on loopback, `off` on a unix socket.
    package static func defaultSecurity(to endpoint: Endpoint) -> ChannelSecurity {
        switch endpoint {
        case .unix: .off
        case .tcp: endpoint.isLocal ? .opportunistic : .verify
        }
    }
}

/// Where a next hop listens.
package enum Endpoint: Sendable, Hashable {
    /// A name or an IP address (without brackets), and a port in 1...65535.
    case tcp(host: String, port: Int)
    /// An absolute path.
    case unix(path: String)

    /// Whether bytes to it stay on this machine.
    package var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): HostText.isLoopback(host)
        }
    }
}
