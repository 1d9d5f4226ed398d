// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import ChannelProof
package import Dial
package import Mail
package import Privacy
package import SMTPWire
package import Settings

/// What is known about the way to mail hosts beside the DNS: the operator's rules, peers, MTA-STS, and what was learned.
package struct ChannelGuidance: Sendable {
    /// The level that this gateway keeps, 1 to 3.
    package var level: Int
    package let settings: ChannelSettings
    package var policies: any STSPolicies
    package var peers: any PeerPins
    package var ratchet: any RatchetMemory
    package var reports: any TLSReportCounting
    package var links: any LinkChecking
    /// The public authorities that count.
    package var roots: @Sendable () -> TrustRoots
    /// What a pinned server that asks who we are is shown; nil: nothing.
    package var identity: @Sendable () -> ClientIdentity?
    /// What the rules of the settings pin; the same for every decision.
    private let ownPins: [PinSet]

    package init(
        level: Int = 1,
        settings: ChannelSettings = ChannelSettings(),
        policies: any STSPolicies = NoGuidance(),
        peers: any PeerPins = NoGuidance(),
        ratchet: any RatchetMemory = NoGuidance(),
        reports: any TLSReportCounting = NoGuidance(),
        links: any LinkChecking = NoGuidance(),
        roots: @escaping @Sendable () -> TrustRoots = { TrustRoots([]) },
        identity: @escaping @Sendable () -> ClientIdentity? = { nil }
    ) {
        self.level = level
        self.settings = settings
        self.ownPins = settings.pinSets
        self.policies = policies
        self.peers = peers
        self.ratchet = ratchet
        self.reports = reports
        self.links = links
        self.roots = roots
        self.identity = identity
    }

    /// The pins for a host of a domain: the operator's own before a peer's.
    func pins(domain: String, host: String) -> PinSet? {
        PinTable(ownPins + peers.pins()).pins(domain: domain, host: host)
    }
}

/// Knows the pins of peers, from their commitment statements.
package protocol PeerPins: Sendable {
    /// All of them as they stand; cheap.
    func pins() -> [PinSet]
    /// A server of the domain showed none of its pins: a fresh statement may have others.
    func mismatch(domain: Domain) async
}

/// Remembers where mail was encrypted.
package protocol RatchetMemory: Sendable {
    func entry(domain: String, host: String) async -> RatchetEntry?
    func learn(_ entry: RatchetEntry) async
}

/// Counts what TLS reports tell (RFC 8460); never waits.
package protocol TLSReportCounting: Sendable {
    func count(_ event: TLSReportEvent)
}

/// Looks whether a link below TLS covers an address.
package protocol LinkChecking: Sendable {
    /// Why it doesn't, in one sentence without a full stop; nil when it does.
    func obstacle(_ link: ChannelSettings.Link, to address: IPAddress) async -> String?
}

/// Knows nothing, and finds every declared link missing.
package struct NoGuidance: STSPolicies, PeerPins, RatchetMemory, TLSReportCounting, LinkChecking {
    package init() {}

    package func facts(for domain: Domain, now: WallTime, givingUp: Bool) async -> STSFacts { .none(.notAsked) }
    package func pins() -> [PinSet] { [] }
    package func mismatch(domain: Domain) async {}
    package func entry(domain: String, host: String) async -> RatchetEntry? { nil }
    package func learn(_ entry: RatchetEntry) async {}
    package func count(_ event: TLSReportEvent) {}
    package func obstacle(_ link: ChannelSettings.Link, to address: IPAddress) async -> String? {
        "links can't be checked here"
    }
}
