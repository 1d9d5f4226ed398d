// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPTransport
import Testing

@testable import Gateway

@Suite("Which certificate a client is shown")
struct ServedCertificatesTests {
    private static let time = Time(wall: { WallTime(seconds: 1_800_000_000) }, boot: { BootTime(milliseconds: 0) })

    private static func served(
        _ name: String,
        _ origin: ServedCertificates.Origin
    ) throws -> ServedCertificates.Served {
        let made = try SelfMadeCertificate(hostname: try #require(Domain(name)), time: time)
        let chain = try ServerChain(certificatePEM: Array(made.certificatePEM.utf8), keyPEM: Array(made.keyPEM.utf8))
        let facts = try #require(chain.encoded.first.flatMap { CertificateFacts(der: $0) })
        return .init(chain: chain, facts: facts, origin: origin)
    }

    @Test("the vault's for the name, the newest first, else the file's")
    func choice() throws {
        let host = try #require(Domain("mx.test"))
        let file = try Self.served("other.test", .file("/c.pem"))
        let old = try Self.served("a.test", .vault)
        let new = try Self.served("a.test", .vault)
        let all = ServedCertificates(hostname: host, standing: file, kept: [old, new])
        let shown = { (name: String?) in all.chosen(for: name)?.facts }
        #expect(shown("a.test") == new.facts && shown("A.TEST") == new.facts)
        #expect(shown("b.test") == file.facts && shown(nil) == file.facts && shown("") == file.facts)
        #expect(shown("a.test\0.b") == file.facts && shown(String(repeating: "a", count: 9999)) == file.facts)
        #expect(all.identity != nil)
    }

    @Test("without files the one for the host stands in for all names")
    func vaultAlone() throws {
        let host = try #require(Domain("mx.test"))
        let own = try Self.served("mx.test", .vault)
        let other = try Self.served("a.test", .vault)
        let all = ServedCertificates(hostname: host, standing: nil, kept: [own, other])
        #expect(all.chosen(for: "unknown.test")?.facts == own.facts && all.chosen(for: nil)?.facts == own.facts)
        #expect(ServedCertificates(hostname: host, standing: nil, kept: [other]).chosen(for: nil)?.facts == other.facts)
    }

    @Test("one that is made at the start is nobody's identity, and binds no sign-in")
    func selfMade() throws {
        let host = try #require(Domain("mx.test"))
        let own = try Self.served("mx.test", .selfMade)
        let all = ServedCertificates(hostname: host, standing: own, kept: [])
        #expect(all.identity == nil)
        #expect(try #require(try ListenerTLS(all)).channelBindings.isEmpty)
        #expect(try ListenerTLS(ServedCertificates(hostname: host, standing: nil, kept: [])) == nil)
        let kept = ServedCertificates(hostname: host, standing: nil, kept: [try Self.served("mx.test", .vault)])
        #expect(try #require(try ListenerTLS(kept)).channelBindings.count == 1)
    }
}
