// SPDX-License-Identifier: Apache-2.0

package import Commitment
package import Mail

/// What `postern init` has found out or was told, and so what the settings file will say.
package struct InitPlan: Sendable {
    package enum Purpose: String, Sendable, CaseIterable {
        /// Protects what the programs of a web server send: PHP, cron, anything that calls `sendmail`.
        case webApp = "web-app"
        /// Stands behind Postfix as its content filter.
        case postfixFilter = "postfix-filter"
        /// Stands behind Exim as one of its transports.
        case eximFilter = "exim-filter"
        /// Takes mail in from the Internet and from its users, and keeps the mailboxes or hands them to Dovecot.
        case mx
        /// Takes mail from this machine and from users who sign in, and hands it to another server.
        case relay
    }

    /// What Dovecot listens on.
    package struct Dovecot: Sendable, Hashable {
        /// The path of its LMTP socket.
        package var delivery: String
        /// The path of its authentication socket.
        package var signIn: String

        package init(delivery: String, signIn: String) {
            self.delivery = delivery
            self.signIn = signIn
        }
    }

    package var purpose: Purpose
    package var level: Level
    package var hostname: Domain
    /// The domain of the mailboxes and of the senders.
    package var domain: Domain
    /// The data directory, as the file writes it.
    package var data = "data"
    /// The certificate that the operator named.
    package var tls: TLSFiles?
    /// One that was found on this machine: only root may read its key, so that the gateway gets a copy.
    package var foundTLS: TLSFiles?
    /// With it an `mx` keeps no mailboxes of its own.
    package var dovecot: Dovecot?
    /// Where mail for the outside goes; nil: to the recipients' own servers.
    package var nextHop: Endpoint?
    package var credentials: NextHop.Credentials?
    /// The accounts under which programs of a web server run.
    package var callers = ["www-data"]
    package var ports = Ports()

    /// Ports of this machine that only local programs use.
    package struct Ports: Sendable, Hashable {
        /// Where a relay takes mail from programs.
        package var local = 2525
        /// Where the other server hands outgoing mail over, and where it takes it back.
        package var outbound = 10025
        package var outboundReturn = 10026
        /// The same for incoming mail.
        package var inbound = 10027
        package var inboundReturn = 10028

        package init() {}
    }

    /// Exim tells both directions apart by itself and takes them back on one port.
    package var inboundReturn: Int { purpose == .eximFilter ? ports.outboundReturn : ports.inboundReturn }

    /// `domain` is by default the host's name without its first label.
    package init(_ purpose: Purpose, level: Level, hostname: Domain, domain: Domain? = nil) {
        self.purpose = purpose
        self.level = level
        self.hostname = hostname
        self.domain = domain ?? Self.parent(of: hostname)
    }

    /// The certificate that the settings name; nil: a `relay` then has no listener for users.
    ///
    /// From level 2 on the key is another file than the one that was named or found, which is in clear.
    package var serverTLS: TLSFiles? {
        guard purpose == .mx || purpose == .relay && (tls ?? foundTLS) != nil else { return nil }
        var files = tls ?? TLSFiles(certificate: "certificate.pem", key: "key.pem")
        if level >= .two {
            files.key = level == .three ? "/run/postern-key/key.pem" : "key.pem"
            files.keyPassphraseFile = files.keyPassphraseFile ?? "/run/credentials/postern.service/tls"
        }
        return files
    }

    private static func parent(of hostname: Domain) -> Domain {
        let labels = hostname.wire.split(separator: ".", maxSplits: 1)
        guard labels.count == 2, labels[1].contains("."), let parent = Domain(String(labels[1])) else {
            return hostname
        }
        return parent
    }
}
