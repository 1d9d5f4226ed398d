// SPDX-License-Identifier: Apache-2.0

/// From where the resolver takes its answers and its trust.
package struct ResolverOptions: Sendable {
    /// Where the chain of signatures may end.
    package enum TrustAnchor: Sendable {
        /// The root zone's keys: the distribution's file when there is one, else those that were valid when this was
        /// written.
        case root
        /// Only what this file holds (DS or DNSKEY records in zone-file form): a closed or test network.
        case file(String)
        /// None: nothing is validated and every answer is insecure.
        case none
    }

    /// Who is asked for what is no stub's.
    package enum Upstream: Sendable {
        /// The name servers themselves, from the root down.
        case root
        /// The resolvers that `/etc/resolv.conf` names. They must pass DNSSEC records on.
        case system
        /// These resolvers, each `address` or `address@port`.
        case servers([String])
    }

    /// A zone that is asked at its own servers, wherever the root would send us.
    package struct Stub: Sendable {
        package let zone: String
        /// `address` or `address@port`.
        package let server: String

        package init(zone: String, server: String) {
            self.zone = zone
            self.server = server
        }
    }

    package var trustAnchor: TrustAnchor
    /// Trust anchors beside the above: files for zones of one's own.
    package var extraAnchorFiles: [String]
    package var upstream: Upstream
    package var stubs: [Stub]
    /// How long one question may take.
    package var timeout: Duration

    package init(
        trustAnchor: TrustAnchor = .root,
        extraAnchorFiles: [String] = [],
        upstream: Upstream = .root,
        stubs: [Stub] = [],
        timeout: Duration = .seconds(10)
    ) {
        self.trustAnchor = trustAnchor
        self.extraAnchorFiles = extraAnchorFiles
        self.upstream = upstream
        self.stubs = stubs
        self.timeout = timeout
    }

    /// Where Debian's `dns-root-data` keeps the root's keys.
    static let rootKeyFile = "/usr/share/dns/root.key"

    /// The root zone's key-signing keys of 2017 and 2024, from IANA's `root-anchors.xml`.
    static let rootAnchors = [
        ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
        ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
    ]
}

/// Why a resolver could not be made.
package enum ResolverError: Error, Sendable, Equatable {
    case outOfMemory
    /// The named setting was refused by libunbound, with its own reason.
    case refused(setting: String, reason: String)
}
