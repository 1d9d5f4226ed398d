// SPDX-License-Identifier: Apache-2.0

import Mail
import OpenPGP
import Privacy
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("The gateway's own mail")
struct OwnMailTests {
    private static let mail = OwnMail(subject: "own subject", lines: ["own body"])

    @Test("goes in clear where no key is known, with the null sender and no wish for a report")
    func clear() async throws {
        let fixture = try await PipelineFixture()
        let id = try await fixture.pipeline().send(Self.mail, to: try address("ops@opportunistic.test"))
        let copy = try #require(try await fixture.ready().first)
        #expect(copy.id.message == id && copy.envelope.reversePath == .null && copy.dsn.notify == .never)
        let text = try await fixture.text(of: copy)
        #expect(text.contains("Subject: own subject\r\n") && text.hasSuffix("\r\n\r\nown body\r\n"))
        #expect(text.contains("Auto-Submitted: auto-generated\r\n") && copy.protection == "clear (no key)")
    }

    @Test("is encrypted to whoever has a key, in every mode", arguments: ProtectionMode.allCases)
    func encrypted(mode: ProtectionMode) async throws {
        let fixture = try await PipelineFixture()
        let recipient = "ops@\(mode.rawValue).test"
        let key = try await fixture.give(recipient, key: "cv25519")
        _ = try await fixture.pipeline().send(Self.mail, to: try address(recipient))
        let copy = try #require(try await fixture.ready().first)
        let text = try await fixture.text(of: copy)
        #expect(copy.protection == "encrypted" && !text.contains("own subject") && !text.contains("own body"))
        #expect(try Keys.recipients(of: text) == key.encryptionSubkeys(at: fixture.now.seconds).map(\.keyID))
    }

    @Test("does not leave in clear where a key is asked for, or one is there that can't be used")
    func refused() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("old@opportunistic.test", key: "p256", expires: PipelineFixture.past)
        let pipeline = try fixture.pipeline()
        for (recipient, problem) in [
            ("ops@required.test", OwnMailProblem.noKey), ("old@opportunistic.test", .keyUnusable),
            ("ops@nowhere.test", .noRoute),
        ] {
            let to = try address(recipient)
            await #expect(throws: problem) { try await pipeline.send(Self.mail, to: to) }
        }
        #expect(try await fixture.ready().isEmpty)
        #expect(try await fixture.held().isEmpty)
    }
}
