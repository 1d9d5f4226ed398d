// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
import Crypto
import Foundation
import SwiftASN1
import Testing
import X509

/// Makes certificates for a test.
struct Mint {
    /// A certificate with its key.
    struct Issued {
        let certificate: Certificate
        let key: P256.Signing.PrivateKey
        let der: [UInt8]

        var outline: CertificateOutline {
            get throws { try #require(CertificateOutline(der: der)) }
        }

        var name: DistinguishedName { certificate.subject }
    }

    /// What a certificate is to be; the defaults make a server certificate that holds.
    struct Order {
        var commonName = "mx.example.test"
        var dnsNames: [String] = ["mx.example.test"]
        var isAuthority = false
        var pathLength: Int?
        var version = Certificate.Version.v3
        var notBefore = Mint.now - 86_400
        var notAfter = Mint.now + 86_400
        var usages: [ExtendedKeyUsage.Usage]?
        var keyUsage: KeyUsage?
        var permittedNames: [String]?
        var criticalExtension: ASN1ObjectIdentifier?
        var key = P256.Signing.PrivateKey()
    }

    static let now: Int64 = 1_790_000_000

    /// Nil makes a self-signed certificate.
    static func issue(by issuer: Issued? = nil, _ change: (inout Order) -> Void = { _ in }) throws -> Issued {
        var order = Order()
        change(&order)
        let name = try DistinguishedName { CommonName(order.commonName) }
        let certificate = try Certificate(
            version: order.version,
            serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(order.key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: Double(order.notBefore)),
            notValidAfter: Date(timeIntervalSince1970: Double(order.notAfter)),
            issuer: issuer?.name ?? name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: order.version == .v3 ? try extensions(order) : Certificate.Extensions(),
            issuerPrivateKey: Certificate.PrivateKey(issuer?.key ?? order.key)
        )
        var serializer = DER.Serializer()
        try certificate.serialize(into: &serializer)
        return Issued(certificate: certificate, key: order.key, der: serializer.serializedBytes)
    }

    static func authority(_ name: String, by issuer: Issued? = nil, _ change: (inout Order) -> Void = { _ in }) throws
        -> Issued
    {
        try issue(by: issuer) {
            $0.commonName = name
            $0.dnsNames = []
            $0.isAuthority = true
            change(&$0)
        }
    }

    private static func extensions(_ order: Order) throws -> Certificate.Extensions {
        var extensions = Certificate.Extensions()
        let constraints: BasicConstraints =
            order.isAuthority
            ? .isCertificateAuthority(maxPathLength: order.pathLength) : .notCertificateAuthority
        try extensions.append(Certificate.Extension(constraints, critical: true))
        if !order.dnsNames.isEmpty {
            let names = SubjectAlternativeNames(order.dnsNames.map { .dnsName($0) })
            try extensions.append(Certificate.Extension(names, critical: false))
        }
        if let usages = order.usages {
            try extensions.append(Certificate.Extension(ExtendedKeyUsage(usages), critical: true))
        }
        if let usage = order.keyUsage { try extensions.append(Certificate.Extension(usage, critical: true)) }
        if let permitted = order.permittedNames {
            let constraints = NameConstraints(permittedDNSDomains: permitted)
            try extensions.append(Certificate.Extension(constraints, critical: true))
        }
        if let oid = order.criticalExtension {
            try extensions.append(Certificate.Extension(oid: oid, critical: true, value: [5, 0]))
        }
        return extensions
    }
}

extension Mint.Issued {
    /// A TLSA record that means this certificate.
    func record(_ usage: UInt8, _ selector: UInt8, _ matching: UInt8) throws -> TLSARecord {
        let selected = selector == 0 ? der : try outline.publicKey
        let data: [UInt8] =
            switch matching {
            case 0: selected
            case 1: Array(SHA256.hash(data: selected))
            default: Array(SHA512.hash(data: selected))
            }
        return TLSARecord(usage: usage, selector: selector, matching: matching, data: data)
    }
}

extension DANERequirement {
    init(_ records: [TLSARecord], references: [String] = ["mx.example.test", "example.test"]) {
        self.init(base: references.first ?? "", records: TLSASet(records), references: references)
    }
}
