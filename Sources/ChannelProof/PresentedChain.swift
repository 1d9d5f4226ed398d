// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import Crypto
import SwiftASN1
import X509

/// The certificates that a server showed: its own first, the others in any order.
///
/// Making one costs an outline of each certificate and no more; keys and names are read where a proof asks for them.
package struct PresentedChain: Sendable {
    /// So many certificates are looked at.
    package static let maxCertificates = 16
    /// So many octets in all.
    package static let maxBytes = 262_144

    /// The server's own certificate.
    package let leaf: CertificateOutline
    /// The others that have an outline, none twice.
    package let others: [CertificateOutline]

    package init(_ certificates: [[UInt8]]) throws(ProofFault) {
        guard let first = certificates.first else { throw .noCertificate }
        guard certificates.reduce(0, { $0 + $1.count }) <= PresentedChain.maxBytes else { throw .tooLarge }
        guard let leaf = CertificateOutline(der: first) else { throw .unreadable(depth: 0) }
        var seen: Set<[UInt8]> = [first]
        self.leaf = leaf
        self.others = certificates.dropFirst().prefix(PresentedChain.maxCertificates - 1)
            .filter { seen.insert($0).inserted }.compactMap { CertificateOutline(der: $0) }
    }

    /// What pins are compared with.
    package var fingerprints: CertificateFingerprints { leaf.fingerprints }
}

extension CertificateOutline {
    package var fingerprints: CertificateFingerprints {
        CertificateFingerprints(
            certificate: Array(SHA256.hash(data: der)),
            publicKey: Array(SHA256.hash(data: publicKey))
        )
    }

    /// Whether the certificate, or its key, is the one that the record means (RFC 6698 §2.1).
    func matches(_ record: UsableTLSA) -> Bool {
        let selected =
            switch record.selector {
            case .certificate: der
            case .publicKey: publicKey
            }
        return switch record.matching {
        case .full: selected == record.data
        case .sha256: SHA256.hash(data: selected).elementsEqual(record.data)
        case .sha512: SHA512.hash(data: selected).elementsEqual(record.data)
        }
    }
}

/// A certificate whose key, names and extensions were understood.
struct ReadCertificate {
    let outline: CertificateOutline
    let certificate: Certificate

    init?(_ outline: CertificateOutline) {
        guard let certificate = try? Certificate(derEncoded: outline.der) else { return nil }
        self.outline = outline
        self.certificate = certificate
    }

    /// Another certificate for the same name and key is no step forward on a path.
    func isSameAuthority(as other: ReadCertificate) -> Bool {
        outline.publicKey == other.outline.publicKey && certificate.subject == other.certificate.subject
    }

    /// Signatures over SHA-1 prove nothing any more.
    func isSigned(by key: Certificate.PublicKey) -> Bool {
        certificate.signatureAlgorithm != .sha1WithRSAEncryption
            && key.isValidSignature(certificate.signature, for: certificate)
    }

    /// The DNS names; nil when they can't be read.
    var dnsNames: [String]? {
        do {
            guard let alternatives = try certificate.extensions.subjectAlternativeNames else { return [] }
            return alternatives.compactMap { if case .dnsName(let name) = $0 { name } else { nil } }
        } catch {
            return nil
        }
    }

    var commonNames: [String] {
        certificate.subject.flatMap { $0 }.compactMap { attribute in
            attribute.type == .RDNAttributeType.commonName ? String(attribute.value) : nil
        }
    }
}
