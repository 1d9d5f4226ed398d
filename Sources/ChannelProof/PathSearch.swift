// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import X509

/// Looks for a path from a server's certificate to an anchor, among certificates in any order.
///
/// Bounded: a chain made to have endless branches costs ``maxSignatures`` signature checks.
struct PathSearch {
    /// Where paths may end, with numbers that say by which rule.
    struct Anchors {
        /// The rule by which this certificate, which is never the server's own, is an anchor.
        let rule: (CertificateOutline) -> Int?
        /// Keys without a certificate, under which the last certificate of a path may stand.
        var keys: [(rule: Int, key: Certificate.PublicKey)] = []
    }

    struct Found {
        let rule: Int
        /// Steps from the server's certificate to the anchor.
        let depth: Int
    }

    static let maxSignatures = 64
    static let maxLength = 10

    let leaf: ReadCertificate
    let pool: [ReadCertificate]
    let anchors: Anchors
    let now: Int64
    private var signatures = 0
    /// What was wrong with the first path that did lead to an anchor.
    private var fault: ProofFault?

    init(leaf: ReadCertificate, pool: [ReadCertificate], anchors: Anchors, now: Int64) {
        self.leaf = leaf
        self.pool = pool
        self.anchors = anchors
        self.now = now
    }

    /// Depth first, in the order in which the certificates came.
    mutating func run() async -> Result<Found, ProofFault> {
        var open = [[leaf]]
        while let path = open.popLast(), let tip = path.last {
            if path.count > 1, let rule = anchors.rule(tip.outline), await accepts(path, endsAtAnchor: true) {
                return .success(Found(rule: rule, depth: path.count - 1))
            }
            for (rule, key) in anchors.keys {
                guard spend() else { return .failure(fault ?? .tooManyPaths) }
                if tip.isSigned(by: key), await accepts(path, endsAtAnchor: false) {
                    return .success(Found(rule: rule, depth: path.count))
                }
            }
            guard path.count < PathSearch.maxLength else { continue }
            for issuer in pool.reversed() where issuer.certificate.subject == tip.certificate.issuer {
                guard !path.contains(where: issuer.isSameAuthority(as:)) else { continue }
                guard spend() else { return .failure(fault ?? .tooManyPaths) }
                if tip.isSigned(by: issuer.certificate.publicKey) { open.append(path + [issuer]) }
            }
        }
        return .failure(fault ?? .untrusted)
    }

    private mutating func spend() -> Bool {
        signatures += 1
        return signatures <= PathSearch.maxSignatures
    }

    private mutating func accepts(_ path: [ReadCertificate], endsAtAnchor: Bool) async -> Bool {
        do throws(ProofFault) {
            try await PathRules(path: path, endsAtAnchor: endsAtAnchor, now: now).check()
            return true
        } catch {
            fault = fault ?? error
            return false
        }
    }
}
