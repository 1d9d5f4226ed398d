// SPDX-License-Identifier: Apache-2.0

import Keyring
import Mail
import OpenPGP
import Privacy
import SMTPWire
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("Held copies")
struct HeldCopiesTests {
    private static let recipient = "x@opportunistic.test"

    /// A fixture with one held copy, leased, and the certificate that it waits for.
    private func held(
        from sender: String? = "alice@example.org",
        _ recipient: String = recipient
    ) async throws -> (PipelineFixture, LeasedCopy, JudgedCertificate) {
        let fixture = try await PipelineFixture()
        let key = try await fixture.give(recipient, key: "p256", expires: PipelineFixture.past)
        let message = try fixture.message(to: [recipient], from: sender, notify: [.failure])
        #expect(try await fixture.pipeline().accept(message).counts == ["copies held": 1])
        let copies = try await fixture.held()
        return (fixture, try #require(copies.first), key)
    }

    private func isReplaced(_ outcome: CopyOutcome) -> Bool {
        if case .replaced = outcome.result { true } else { false }
    }

    @Test("a new key lets it leave, encrypted to that key alone")
    func newKey() async throws {
        let (fixture, copy, _) = try await held()
        let key = try await fixture.give(Self.recipient, key: "cv25519")
        fixture.advance(.seconds(3600))
        let decision = try await fixture.pipeline().reconsider(copy)
        #expect(isReplaced(decision.outcome))
        let message = try #require(decision.messages.first)
        #expect(decision.messages.count == 1 && message.copies.count == 1)
        #expect(message.copies[0].protection == "encrypted" && message.copies[0].recipient == copy.recipient)
        #expect(message.copies[0].dsn == copy.dsn && message.copies[0].nextHopHint == "hop opportunistic.test")
        #expect(message.envelope.arrival == copy.envelope.arrival && message.envelope.released == fixture.now)
        #expect(message.envelope.reversePath == copy.envelope.reversePath)
        let text = try #require(message.onlyText)
        #expect(try Keys.recipients(of: text) == key.encryptionSubkeys(at: fixture.now.seconds).map(\.keyID))
        #expect(!text.contains("secret body") && !text.contains("secret subject"))

        try await fixture.queue.settle([decision.outcome], alsoEnqueue: decision.messages)
        #expect(try await fixture.held().isEmpty)
        let ready = try await fixture.ready()
        #expect(ready.map(\.protection) == ["encrypted"])
    }

    @Test("a key that is still unusable keeps it waiting, without another word")
    func stillUnusable() async throws {
        let (fixture, copy, _) = try await held()
        fixture.advance(.seconds(4 * 86_400 + 86_000))
        let decision = try await fixture.pipeline().reconsider(copy)
        guard case .held(.keyUnusable, let until, let reply, true) = decision.outcome.result else {
            Issue.record("not held")
            return
        }
        #expect(until == copy.envelope.arrival + .seconds(5 * 86_400))
        #expect(reply.contains("expired") && decision.messages.isEmpty)
    }

    @Test("a worker that fails keeps it as it is")
    func brokenWorker() async throws {
        let (fixture, copy, _) = try await held()
        try await fixture.give(Self.recipient, key: "brainpool")
        await #expect(throws: (any Error).self) {
            try await fixture.pipeline(worker: Keys.brokenWorker).reconsider(copy)
        }
    }

    @Test("at the end of the wait it goes back to its sender, without its text")
    func timeIsOver() async throws {
        let (fixture, copy, _) = try await held()
        fixture.advance(.seconds(5 * 86_400))
        let decision = try await fixture.pipeline().reconsider(copy)
        guard case .failed = decision.outcome.result else {
            Issue.record("not failed")
            return
        }
        let report = try #require(decision.messages.first?.onlyText)
        #expect(report.contains("Action: failed") && report.contains("x@opportunistic.test"))
        #expect(report.contains("Subject: [...]"))
        #expect(!report.contains("secret body") && !report.contains("secret subject"))
    }

    @Test("at the end of the wait one from the null sender becomes a sealed discard")
    func timeIsOverForNobody() async throws {
        let (fixture, copy, _) = try await held(from: nil)
        fixture.advance(.seconds(5 * 86_400))
        let decision = try await fixture.pipeline().reconsider(copy)
        guard case .discarded(let until, _) = decision.outcome.result else {
            Issue.record("not discarded")
            return
        }
        #expect(until == fixture.now + .seconds(7 * 86_400) && decision.messages.isEmpty)
    }

    @Test("an operator who switches encryption off lets it go as it came", arguments: [ProtectionMode.off, .dryRun])
    func switchedOff(mode: ProtectionMode) async throws {
        let (fixture, copy, _) = try await held()
        let content = try await fixture.text(of: copy)
        var settings = try PipelineFixture.settings()
        settings.protection.rules.insert(.init(for: .address(try address(Self.recipient)), mode: mode), at: 0)
        let decision = try await fixture.pipeline(settings).reconsider(copy)
        #expect(isReplaced(decision.outcome))
        let word = mode == .off ? "clear (off)" : "dry-run (would be held)"
        #expect(decision.messages.first?.copies.map(\.protection) == [word])
        #expect(decision.messages.first?.onlyText == content && content.contains("secret body"))
    }

    @Test("an operator who removes the key decides too; where a key is required the message goes back")
    func keyRemoved() async throws {
        let (fixture, copy, key) = try await held()
        #expect(try await fixture.keyring.remove(fingerprint: key.fingerprintText))
        let clear = try await fixture.pipeline().reconsider(copy)
        #expect(clear.messages.first?.copies.map(\.protection) == ["clear (no key)"])

        let (strict, second, other) = try await held("x@required.test")
        #expect(try await strict.keyring.remove(fingerprint: other.fingerprintText))
        let refused = try await strict.pipeline().reconsider(second)
        guard case .failed = refused.outcome.result else {
            Issue.record("not failed")
            return
        }
        #expect(refused.messages.first?.onlyText?.contains("No key is known for this recipient") == true)
    }

    @Test("it is looked at twice a day, at the end of the wait, and never in the past")
    func nextLook() throws {
        var settings = try PipelineFixture.settings()
        settings.protection.holdFor = .seconds(86_400)
        let arrival = PipelineFixture.start
        func next(after seconds: Int64) -> Int64 {
            let now = arrival + .seconds(seconds)
            return (HeldCopies.nextLook(after: now, arrival: arrival, settings) - arrival).components.seconds
        }
        #expect(next(after: 0) == 43_200)
        #expect(next(after: 50_000) == 86_400)
        #expect(next(after: 86_399) == 86_400)
        #expect(next(after: 90_000) == 90_001)
    }

    private func held(_ recipient: String) async throws -> (PipelineFixture, LeasedCopy, JudgedCertificate) {
        try await held(from: "alice@example.org", recipient)
    }
}
