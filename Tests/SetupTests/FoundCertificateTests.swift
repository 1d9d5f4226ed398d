// SPDX-License-Identifier: Apache-2.0

import Foundation
import Gateway
import Mail
import Privacy
import Setup
import Testing

@Suite("Certificates that are found")
struct FoundCertificateTests {
    private static let now: Int64 = 1_790_000_000
    private static let time = Time(wall: { WallTime(seconds: now) }, boot: { BootTime(milliseconds: 0) })

    @Test("one covers its own name and, with a star, one label")
    func covers() throws {
        let own = try Self.certificate("mail.example.org")
        #expect(own.covers(try #require(Domain("MAIL.example.org"))))
        #expect(!own.covers(try #require(Domain("example.org"))))
        #expect(!own.covers(try #require(Domain("mail.example.net"))))
    }

    @Test("its time and that nobody else signed it are seen")
    func time() throws {
        let own = try Self.certificate("mail.example.org")
        #expect(own.isSelfSigned && own.isValid(at: Int(Self.now)) && !own.isValid(at: Int(Self.now) + 900 * 86_400))
        #expect(own.names == ["mail.example.org"])
    }

    @Test("a file that holds none is none", arguments: ["", "-----END CERTIFICATE----- -----BEGIN CERTIFICATE-----"])
    func none(text: String) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(FoundCertificate(certificate: file.path) == nil)
        #expect(FoundCertificate(certificate: "/nonexistent") == nil)
    }

    private static func certificate(_ name: String) throws -> FoundCertificate {
        let made = try SelfMadeCertificate(hostname: try #require(Domain(name)), time: time)
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data(made.certificatePEM.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try #require(FoundCertificate(certificate: file.path))
    }
}
