// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import FoundationEssentials
import SwiftASN1
import X509

/// A key of our own for a certificate to come, and the request with which an authority is asked for one.
struct SigningKey {
    /// What an operator may ask for.
    enum Kind: Sendable, Equatable {
        case p256
        case rsa3072

        var words: String {
            switch self {
            case .p256: "ECDSA P-256"
            case .rsa3072: "RSA 3072"
            }
        }
    }

    let pem: String
    /// SHA-256 of SubjectPublicKeyInfo.
    let pin: Data

    init(making kind: Kind) throws {
        switch kind {
        case .p256:
            let key = P256.Signing.PrivateKey()
            pem = key.pemRepresentation
            pin = Data(SHA256.hash(data: key.publicKey.derRepresentation))
        case .rsa3072:
            let key = try _RSA.Signing.PrivateKey(keySize: .bits3072)
            pem = key.pemRepresentation
            pin = Data(SHA256.hash(data: key.publicKey.derRepresentation))
        }
    }

    /// A PKCS #10 request (RFC 2986) for `names`, as PEM.
    static func request(pem: String, names: [String]) throws -> String {
        let key = try Certificate.PrivateKey(pemEncoded: pem)
        // A common name has 64 characters at most; authorities go by the alternative names.
        let common = names.first { $0.utf8.count <= 64 }
        let extensions = try Certificate.Extensions { SubjectAlternativeNames(names.map { .dnsName($0) }) }
        let request = try CertificateSigningRequest(
            version: .v1,
            subject: try DistinguishedName { if let common { CommonName(common) } },
            privateKey: key,
            attributes: try .init([.init(ExtensionRequest(extensions: extensions))]),
            signatureAlgorithm: key.description.hasPrefix("RSA") ? .sha256WithRSAEncryption : .ecdsaWithSHA256
        )
        return try request.serializeAsPEM().pemString
    }
}
