// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import Crypto
import FoundationEssentials
import Mail
package import Privacy
import SwiftASN1
import X509

/// What a server's certificate says, as far as a mail server cares.
package struct CertificateFacts: Sendable, Equatable {
    /// The host names in it, lower case, `*.example.org` among them.
    package let names: [String]
    package let begins: WallTime
    package let expires: WallTime
    /// SHA-256 of the certificate and of its SubjectPublicKeyInfo.
    package let fingerprints: CertificateFingerprints
    /// The kind of its key, for people: `ECDSA P-256`.
    let keyKind: String
    /// Whether the key is of a kind that the gateway serves with: ECDSA P-256 or P-384, RSA of 2048 bits at least.
    let isServable: Bool

    /// Nil for what can't be read.
    package init?(der: [UInt8]) {
        guard let outline = CertificateOutline(der: der), let certificate = try? Certificate(derEncoded: der) else {
            return nil
        }
        let alternatives = (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([])
        names = alternatives.compactMap { name in
            guard case .dnsName(let name) = name else { return nil }
            return name.lowercased()
        }
        begins = WallTime(seconds: Int64(certificate.notValidBefore.timeIntervalSince1970))
        expires = WallTime(seconds: Int64(certificate.notValidAfter.timeIntervalSince1970))
        fingerprints = CertificateFingerprints(
            certificate: Array(SHA256.hash(data: der)),
            publicKey: Array(SHA256.hash(data: outline.publicKey))
        )
        (keyKind, isServable) = Self.kind(certificate.publicKey)
    }

    /// Whether it stands for `host`.
    package func covers(_ host: String) -> Bool { names.contains { CertificateName.covers($0, host) } }

    private static func kind(_ key: Certificate.PublicKey) -> (String, Bool) {
        let word = key.description.split(separator: ".").first.map { String($0) } ?? ""
        switch word {
        case "P256": return ("ECDSA P-256", true)
        case "P384": return ("ECDSA P-384", true)
        default:
            guard word.hasPrefix("RSA"), let bits = Int(word.dropFirst(3)) else { return (word, false) }
            return ("RSA \(bits)", bits >= 2048)
        }
    }
}
