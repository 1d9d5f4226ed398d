// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import SwiftASN1
import X509

extension PresentedChain {
    /// Whether the server shows one of the pins.
    package func prove(_ pins: PinSet) -> Result<Proof, ProofFault> {
        pins.match(fingerprints).map { .success(.pin($0)) } ?? .failure(.noPinMatches)
    }

    /// Whether the chain matches a TLSA record (RFC 7671 §5, RFC 7672 §3).
    ///
    /// Usage 3 is about the server's own certificate and nothing else in it. Usage 2 needs a chain, dates and a name; the server's
    /// own certificate is never its own authority.
    package func prove(_ requirement: DANERequirement, at now: Int64) async -> Result<Proof, ProofFault> {
        let records = requirement.records.usable
        if let record = records.first(where: { $0.usage == .endEntity && leaf.matches($0) }) {
            return .success(.endEntity(record))
        }
        let anchors = records.filter { $0.usage == .trustAnchor }
        guard !anchors.isEmpty else { return .failure(.noTLSAMatches) }
        guard let leaf = ReadCertificate(leaf) else { return .failure(.unreadable(depth: 0)) }
        let published = anchors.filter { $0.selector == .certificate && $0.matching == .full }
            .compactMap { CertificateOutline(der: $0.data) }
        let outlines = others + published.filter { !others.contains($0) }
        let bareKeys = PresentedChain.bareKeys(anchors)
        guard !bareKeys.isEmpty || outlines.contains(where: { outline in anchors.contains(where: outline.matches) })
        else { return .failure(.noTLSAMatches) }
        var search = PathSearch(
            leaf: leaf,
            pool: outlines.compactMap(ReadCertificate.init),
            anchors: .init(rule: { outline in anchors.firstIndex(where: outline.matches) }, keys: bareKeys),
            now: now
        )
        switch await search.run() {
        case .failure(let fault): return .failure(fault)
        case .success(let found):
            return leaf.name(among: requirement.references, commonNames: true).map {
                .trustAnchor(anchors[found.rule], depth: found.depth, name: $0)
            }
        }
    }

    /// Whether a public authority vouches for one of the names (RFC 8461 §4.2); common names don't count.
    package func prove(names: [String], roots: TrustRoots, at now: Int64) async -> Result<Proof, ProofFault> {
        guard let leaf = ReadCertificate(leaf) else { return .failure(.unreadable(depth: 0)) }
        let pool = others.compactMap(ReadCertificate.init)
        var search = PathSearch(
            leaf: leaf,
            pool: pool + roots.issuers(of: [leaf] + pool),
            anchors: .init(rule: { roots.contains($0) ? 0 : nil }),
            now: now
        )
        switch await search.run() {
        case .failure(let fault): return .failure(fault)
        case .success(let found):
            return leaf.name(among: names, commonNames: false).map {
                .publicAuthority(depth: found.depth, name: $0)
            }
        }
    }

    /// The keys of `2 1 0` records, under which a chain may stand without the authority's certificate (RFC 7671 §5.2.3).
    private static func bareKeys(_ anchors: [UsableTLSA]) -> [(rule: Int, key: Certificate.PublicKey)] {
        anchors.enumerated().compactMap { index, record in
            guard record.selector == .publicKey, record.matching == .full,
                let key = try? Certificate.PublicKey(derEncoded: record.data)
            else { return nil }
            return (index, key)
        }
    }
}

extension ReadCertificate {
    /// The first of the names that the certificate is for.
    fileprivate func name(among references: [String], commonNames: Bool) -> Result<String, ProofFault> {
        guard let dnsNames else { return .failure(.unreadable(depth: 0)) }
        let match = ReferenceNames.match(
            dnsNames: dnsNames,
            commonNames: commonNames ? self.commonNames : [],
            references: references
        )
        return match.map { .success($0) } ?? .failure(.wrongName)
    }
}
