// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
package import Mail
package import Privacy
import SwiftASN1
import X509

/// A certificate that the gateway makes for itself where none is configured: ECDSA P-256, one name, made anew at each start.
///
/// It encrypts and proves nothing. The key lives in memory only.
package struct SelfMadeCertificate: Sendable {
    package let certificatePEM: String
    package let keyPEM: String

    /// - Parameter hostname: the only subject alternative name.
    package init(hostname: Domain, time: Time) throws {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName(hostname.key) }
        let now = Date(timeIntervalSince1970: Double(time.calendar().seconds))
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key.publicKey),
            notValidBefore: now.addingTimeInterval(-86_400),
            notValidAfter: now.addingTimeInterval(825 * 86_400),
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                SubjectAlternativeNames([.dnsName(hostname.key)])
            },
            issuerPrivateKey: Certificate.PrivateKey(key)
        )
        certificatePEM = try certificate.serializeAsPEM().pemString
        keyPEM = key.pemRepresentation
    }
}
