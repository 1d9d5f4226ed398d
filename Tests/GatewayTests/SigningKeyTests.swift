// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Crypto
import Foundation
import Mail
import Privacy
import SwiftASN1
import Testing
import X509

@testable import Gateway

@Suite("A key for a certificate to come")
struct SigningKeyTests {
    @Test(
        "its request is signed by it, and its pin is that of the certificate",
        arguments: [SigningKey.Kind.p256, .rsa3072]
    )
    func request(kind: SigningKey.Kind) throws {
        let key = try SigningKey(making: kind)
        let text = try SigningKey.request(pem: key.pem, names: ["mx.test", "*.mx.test"])
        let request = try CertificateSigningRequest(pemEncoded: text)
        #expect(request.publicKey.isValidSignature(request.signature, for: request))
        let extensions = try request.attributes.extensionRequest?.extensions
        #expect(
            try extensions?.subjectAlternativeNames.map { Array($0) } == [.dnsName("mx.test"), .dnsName("*.mx.test")]
        )
        let pem = try request.publicKey.serializeAsPEM()
        #expect(key.pin == Data(SHA256.hash(data: pem.derBytes)))
    }

    @Test("what a certificate says")
    func facts() throws {
        let time = Time(
            wall: { WallTime(seconds: 1_800_000_000) },
            boot: { BootTime(milliseconds: 0) }
        )
        let made = try SelfMadeCertificate(hostname: try #require(Domain("mx.test")), time: time)
        let der = try #require(PEMText.certificates(Array((made.keyPEM + made.certificatePEM).utf8)).first)
        let facts = try #require(CertificateFacts(der: der))
        #expect(facts.names == ["mx.test"] && facts.covers("MX.test") && !facts.covers("a.mx.test"))
        #expect(facts.keyKind == "ECDSA P-256" && facts.isServable)
        #expect(facts.expires.seconds == 1_800_000_000 + 825 * 86_400)
        #expect(facts.fingerprints.certificate == Array(SHA256.hash(data: der)))
        #expect(CertificateFacts(der: Array(der.dropLast())) == nil && CertificateFacts(der: []) == nil)
    }
}
