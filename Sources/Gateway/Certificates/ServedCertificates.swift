// SPDX-License-Identifier: Apache-2.0

import Dial
import Mail
import SMTPTransport

/// The chains that a gateway shows, and which of them to whom.
///
/// A client that asks for a name (SNI) gets the newest chain of the vault that covers it. Everybody else gets the chain of the settings'
/// files, or where there is none the vault's for `hostname`. A client that names nobody counts as asking for `hostname`.
struct ServedCertificates: Sendable {
    struct Served: Sendable {
        let chain: ServerChain
        let facts: CertificateFacts
        let origin: Origin
    }

    enum Origin: Sendable, Equatable {
        case file(String)
        case vault
        case selfMade
    }

    private let hostname: String
    /// That of the files, or the self-made one.
    private let standing: Served?
    /// The newest last.
    private let kept: [Served]

    init(hostname: Domain, standing: Served?, kept: [Served]) {
        self.hostname = hostname.key
        self.standing = standing
        self.kept = kept
    }

    /// The file's or the self-made one, then the vault's from the newest on.
    var all: [Served] { (standing.map { [$0] } ?? []) + kept.reversed() }

    /// For those who ask for a name that no chain covers.
    var fallback: Served? { standing ?? covering(hostname) ?? kept.last }

    func chosen(for name: String?) -> Served? { covering(name ?? hostname) ?? fallback }

    /// What we show to servers that ask who connects: the chain for `hostname`; nil where it is self-made or there is none.
    var identity: ClientIdentity? {
        guard let own = chosen(for: nil), own.origin != .selfMade else { return nil }
        return ClientIdentity(chain: own.chain.certificates, key: own.chain.key)
    }

    private func covering(_ name: String) -> Served? { kept.last { $0.facts.covers(name) } }
}

/// What listeners need for TLS.
struct ListenerTLS: Sendable {
    let certificates: ServedCertificates
    /// For listeners where other servers come: they are asked who they are.
    let forServers: ServerTLSContext
    let forUsers: ServerTLSContext
    /// What SCRAM-PLUS may bind a sign-in to: one for each chain, so that a client was shown one of ours; empty where one has none.
    let channelBindings: [[UInt8]]

    /// Nil without any chain.
    init?(_ certificates: ServedCertificates) throws(ServerTLS.Failure) {
        guard let first = certificates.fallback else { return nil }
        self.certificates = certificates
        var choose: (@Sendable (String?) -> ServerChain?)?
        if certificates.all.count > 1 {
            choose = { @Sendable name in certificates.chosen(for: name)?.chain }
        }
        forServers = try ServerTLS.context(first.chain, choose: choose, asksForClientCertificate: true)
        forUsers = try ServerTLS.context(first.chain, choose: choose)
        let shown = certificates.all.filter { $0.origin != .selfMade }
        let bindings = shown.map { $0.chain.encoded.first.flatMap { ChannelBinding.serverEndPoint(certificate: $0) } }
        channelBindings = bindings.contains { $0 == nil } ? [] : bindings.compactMap { $0 }
    }
}
