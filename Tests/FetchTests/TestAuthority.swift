// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import Fetch
import Foundation
import NIOSSL
import SwiftASN1
import Testing
import X509

/// An authority made for the tests, and the certificates that it gives out.
final class TestAuthority: Sendable {
    /// A certificate and its key, as a server takes them.
    struct Identity: Sendable {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
    }

    struct Order {
        var names = ["files.example.test"]
        var commonName = "files.example.test"
        var notAfter = Date.now.addingTimeInterval(86_400)
        var isSelfSigned = false
    }

    enum Kind: Sendable { case ellipticCurve, rsa }

    /// Costs a moment to make; every suite uses it.
    static let shared = Result { try TestAuthority(.ellipticCurve) }

    let roots: PublicRoots
    private let kind: Kind
    private let key: Certificate.PrivateKey
    private let name: DistinguishedName

    init(_ kind: Kind) throws {
        self.kind = kind
        key = try TestAuthority.makeKey(kind).0
        name = try DistinguishedName { CommonName("Test Authority") }
        let certificate = try TestAuthority.issue(
            subject: name,
            issuer: name,
            key: key.publicKey,
            by: key,
            algorithm: TestAuthority.algorithm(kind),
            notAfter: .now.addingTimeInterval(86_400),
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
            }
        )
        let path = NSTemporaryDirectory() + "postern-roots-\(UUID().uuidString).pem"
        try certificate.serializeAsPEM().pemString.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        roots = try PublicRoots(extraFile: path)
    }

    func identity(_ change: (inout Order) -> Void = { _ in }) throws -> Identity {
        var order = Order()
        change(&order)
        let (key, pem) = try TestAuthority.makeKey(kind)
        let subject = try DistinguishedName { CommonName(order.commonName) }
        let certificate = try TestAuthority.issue(
            subject: subject,
            issuer: order.isSelfSigned ? subject : name,
            key: key.publicKey,
            by: order.isSelfSigned ? key : self.key,
            algorithm: TestAuthority.algorithm(kind),
            notAfter: order.notAfter,
            extensions: order.names.isEmpty
                ? Certificate.Extensions()
                : try Certificate.Extensions { SubjectAlternativeNames(order.names.map { .dnsName($0) }) }
        )
        var serializer = DER.Serializer()
        try certificate.serialize(into: &serializer)
        return Identity(
            chain: [try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)],
            key: try NIOSSLPrivateKey(bytes: pem, format: .pem)
        )
    }

    private static func algorithm(_ kind: Kind) -> Certificate.SignatureAlgorithm {
        switch kind {
        case .ellipticCurve: .ecdsaWithSHA256
        case .rsa: .sha256WithRSAEncryption
        }
    }

    private static func makeKey(_ kind: Kind) throws -> (Certificate.PrivateKey, [UInt8]) {
        switch kind {
        case .ellipticCurve:
            let key = P256.Signing.PrivateKey()
            return (Certificate.PrivateKey(key), Array(key.pemRepresentation.utf8))
        case .rsa:
            let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
            return (Certificate.PrivateKey(key), Array(key.pemRepresentation.utf8))
        }
    }

    private static func issue(
        subject: DistinguishedName,
        issuer: DistinguishedName,
        key: Certificate.PublicKey,
        by signer: Certificate.PrivateKey,
        algorithm: Certificate.SignatureAlgorithm,
        notAfter: Date,
        extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: key,
            notValidBefore: notAfter.addingTimeInterval(-30 * 86_400),
            notValidAfter: notAfter,
            issuer: issuer,
            subject: subject,
            signatureAlgorithm: algorithm,
            extensions: extensions,
            issuerPrivateKey: signer
        )
    }
}
