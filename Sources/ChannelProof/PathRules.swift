// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import SwiftASN1
@_spi(DisableValidityCheck) import X509

/// What a path of certificates must keep besides its signatures (RFC 5280 §6.1): dates, extensions, who may sign.
///
/// Basic and name constraints are swift-certificates' work; dates are checked here, without its clock.
struct PathRules {
    /// From the server's certificate up.
    let path: [ReadCertificate]
    /// The last one is the anchor itself; else it stands under a key that is.
    let endsAtAnchor: Bool
    let now: Int64

    /// Extensions that may be critical: those that somebody here enforces, and policies, of which none is asked for.
    private static let known: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.basicConstraints, .X509ExtensionID.nameConstraints, .X509ExtensionID.keyUsage,
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName, certificatePolicies,
    ]
    private static let certificatePolicies: ASN1ObjectIdentifier = [2, 5, 29, 32]

    func check() async throws(ProofFault) {
        for (depth, certificate) in path.enumerated() {
            try checkDates(certificate, depth)
            try checkExtensions(certificate, depth)
        }
        try await checkConstraints()
    }

    private func checkDates(_ certificate: ReadCertificate, _ depth: Int) throws(ProofFault) {
        guard let validity = certificate.outline.validity else { throw .unreadableDates(depth: depth) }
        guard now >= validity.notBefore else { throw .notYetValid(depth: depth) }
        guard now <= validity.notAfter else { throw .expired(depth: depth) }
    }

    private func checkExtensions(_ certificate: ReadCertificate, _ depth: Int) throws(ProofFault) {
        let extensions = certificate.certificate.extensions
        for item in extensions where item.critical && !PathRules.known.contains(item.oid) {
            throw .criticalExtension(depth: depth)
        }
        do {
            if depth > 0 {
                if let usage = try extensions.keyUsage, !usage.keyCertSign { throw ProofFault.notAllowed(depth: depth) }
                guard certificate.outline.version == 3 || isRoot(certificate, depth) else {
                    throw ProofFault.notAllowed(depth: depth)
                }
            }
            if let usages = try extensions.extendedKeyUsage, !usages.contains(.serverAuth), !usages.contains(.any) {
                throw ProofFault.notAllowed(depth: depth)
            }
        } catch {
            throw .notAllowed(depth: depth)
        }
    }

    /// An anchor that is nobody's subject, which may be older than version 3.
    private func isRoot(_ certificate: ReadCertificate, _ depth: Int) -> Bool {
        endsAtAnchor && depth == path.count - 1 && certificate.certificate.issuer == certificate.certificate.subject
    }

    /// The path is handed over as one that has no branches, so that the verifier has nothing to search.
    private func checkConstraints() async throws(ProofFault) {
        guard path.count > 1, let leaf = path.first, let top = path.last else { return }
        var verifier = Verifier(rootCertificates: CertificateStore([top.certificate])) {
            RFC5280Policy.withValidityCheckDisabled()
            KnownExtensions(verifyingCriticalExtensions: PathRules.known)
        }
        let between = CertificateStore(path.dropFirst().dropLast().map(\.certificate))
        switch await verifier.validate(leaf: leaf.certificate, intermediates: between) {
        case .validCertificate: return
        case .couldNotValidate: throw .notAllowed(depth: path.count - 1)
        }
    }

    /// Tells the verifier which critical extensions are taken care of.
    private struct KnownExtensions: VerifierPolicy {
        let verifyingCriticalExtensions: [ASN1ObjectIdentifier]

        func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) -> PolicyEvaluationResult { .meetsPolicy }
    }
}
