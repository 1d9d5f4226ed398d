// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import SwiftASN1
import Testing
import X509

@testable import Gateway

@Suite("The certificate that the gateway makes for itself")
struct SelfMadeCertificateTests {
    private static let now: Int64 = 1_790_000_000
    private static let time = Time(wall: { WallTime(seconds: now) }, boot: { BootTime(milliseconds: 0) })

    @Test(
        "it parses, names the host in ASCII and nobody else, and is valid now",
        arguments: ["Mail.Example.org", "müll.test"]
    )
    func parses(name: String) throws {
        let domain = try #require(Domain(name))
        let made = try SelfMadeCertificate(hostname: domain, time: Self.time)
        let certificate = try Certificate(pemEncoded: made.certificatePEM)
        let names = try #require(try certificate.extensions.subjectAlternativeNames)
        #expect(Array(names) == [.dnsName(domain.key)])
        #expect(certificate.subject == certificate.issuer && certificate.subject.description == "CN=\(domain.key)")
        let now = Date(timeIntervalSince1970: Double(Self.now))
        #expect(certificate.notValidBefore < now && certificate.notValidAfter > now.addingTimeInterval(86_400 * 365))
        #expect(certificate.publicKey.isValidSignature(certificate.signature, for: certificate))
        let key = try Certificate.PrivateKey(pemEncoded: made.keyPEM)
        #expect(key.publicKey == certificate.publicKey)
    }

    @Test("each has a key of its own")
    func fresh() throws {
        let domain = try #require(Domain("example.org"))
        let keys = try (0..<2).map { _ in try SelfMadeCertificate(hostname: domain, time: Self.time).keyPEM }
        #expect(keys[0] != keys[1])
    }
}
