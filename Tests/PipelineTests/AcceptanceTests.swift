// SPDX-License-Identifier: Apache-2.0

import Mail
import OpenPGP
import Privacy
import SMTPWire
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("Taking a message")
struct AcceptanceTests {
    @Test("clear copies share one content, each key has a ciphertext of its own that names nobody else")
    func contents() async throws {
        let fixture = try await PipelineFixture()
        let first = try await fixture.give("a@opportunistic.test", key: "cv25519")
        let second = try await fixture.give("b@opportunistic.test", key: "p256")
        let message = try fixture.message(
            to: [
                "c@off.test", "a@opportunistic.test", "d@dry-run.test", "b@opportunistic.test", "e@opportunistic.test",
            ]
        )
        let answer = try await fixture.pipeline().accept(message)
        #expect(
            answer.counts == [
                "copies clear (off)": 1, "copies encrypted": 2, "copies dry-run (would be clear)": 1,
                "copies clear (no key)": 1,
            ]
        )
        let copies = try await fixture.ready()
        try #require(copies.map(\.recipient.localPart) == ["a", "b", "c", "d", "e"])
        #expect(copies.allSatisfy { $0.id.message == message.id })
        #expect(Set(copies.map(\.contentID)).count == 3)
        #expect(copies[2].contentID == copies[3].contentID && copies[3].contentID == copies[4].contentID)
        for (copy, key) in zip(copies, [first, second]) {
            let text = try await fixture.text(of: copy)
            #expect(try Keys.recipients(of: text) == key.encryptionSubkeys(at: fixture.now.seconds).map(\.keyID))
            #expect(text.contains("Subject: [...]\r\n") && !text.contains("@opportunistic.test"))
        }
        #expect(
            copies.map(\.nextHopHint).prefix(3) == ["hop opportunistic.test", "hop opportunistic.test", "hop off.test"]
        )
    }

    @Test("a clear copy is the prepared header and the raw body, byte for byte", arguments: [true, false])
    func clear(hasEmptyLine: Bool) async throws {
        let fixture = try await PipelineFixture()
        let body = hasEmptyLine ? [UInt8](0...255).filter { $0 != 10 && $0 != 13 } : []
        let message = try fixture.message(
            to: ["x@off.test"],
            origin: .strangers,
            body: body,
            hasEmptyLine: hasEmptyLine
        )
        _ = try await fixture.pipeline().accept(message)
        let copy = try #require(try await fixture.ready().first)
        let bytes = try await SourceProducer(fixture.queue.content(of: copy)).collected()
        let expected = message.header.bytes + (hasEmptyLine ? Array("\r\n".utf8) : []) + body
        #expect(bytes.suffix(expected.count).elementsEqual(expected))
        #expect(bytes.dropLast(expected.count).starts(with: "Received: by mail.example.org".utf8))
        #expect(copy.envelope.body8Bit == hasEmptyLine)
    }

    @Test("what the sender said at MAIL and RCPT goes with each copy")
    func envelope() async throws {
        let fixture = try await PipelineFixture()
        var message = try fixture.message(to: [], origin: .strangers)
        message.mail.envid = "QQ1"
        message.mail.ret = .headers
        message.mail.smtpUTF8 = true
        message.mail.body = .eightBitMIME
        message.recipients = [
            AcceptedRecipient(
                address: try address("a@off.test"),
                notify: [.success, .delay],
                originalRecipient: OriginalRecipient(addressType: "rfc822", address: "first@off.test")
            ),
            AcceptedRecipient(address: try address("b@off.test"), notify: .never),
            AcceptedRecipient(address: try address("c@off.test")),
        ]
        _ = try await fixture.pipeline().accept(message)
        let copies = try await fixture.ready()
        try #require(copies.count == 3)
        let envelope = copies[0].envelope
        #expect(envelope.envelopeID == "QQ1" && envelope.returnContent == .headers && envelope.smtpUTF8)
        #expect(envelope.origin == .strangers && envelope.arrival == fixture.now && envelope.protocolName == "ESMTPSA")
        #expect(envelope.reversePath == message.mail.reversePath)
        // What counts is the body itself.
        #expect(!envelope.body8Bit)
        #expect(
            copies[0].dsn.notify == [.success, .delay] && copies[0].dsn.originalRecipient?.address == "first@off.test"
        )
        #expect(copies[1].dsn.notify == .never && copies[2].dsn.notify == nil)
    }

    @Test("aliases are expanded, nobody gets two copies, and each address behind one has a decision of its own")
    func aliases() async throws {
        let fixture = try await PipelineFixture()
        _ = try await fixture.addUser("alice", "alice@example.org")
        try await fixture.addAlias("team@example.org", "alice@example.org", "x@opportunistic.test", "y@required.test")
        try await fixture.addAlias("all@example.org", "team@example.org", "z@off.test")
        try await fixture.give("x@opportunistic.test", "y@required.test", key: "cv25519")
        let message = try fixture.message(
            to: ["all+tag@example.org", "Team@Example.org", "ALICE@example.org", "z@off.test", "team@off.test"]
        )
        let answer = try await fixture.pipeline().accept(message)
        #expect(answer.counts == ["copies clear (no key)": 1, "copies encrypted": 2, "copies clear (off)": 2])
        let recipients = try await fixture.ready().map(\.recipient.lookupKey)
        #expect(
            recipients == [
                "alice@example.org", "team@off.test", "x@opportunistic.test", "y@required.test", "z@off.test",
            ]
        )
    }

    @Test("an alias counts only where the mailboxes are ours")
    func foreignAlias() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.addAlias("team@off.test", "alice@example.org")
        let expansion = AliasExpansion(settings: try PipelineFixture.settings(), accounts: fixture.accounts)
        for text in ["team@off.test", "x@nowhere.test"] {
            let itself = AliasExpansion.Destination(address: try address(text), isForward: false)
            #expect(try await expansion.destinations(for: itself.address) == [itself])
        }
    }

    @Test("the sender reads how many copies are protected how")
    func outcome() {
        var summary = ProtectionSummary()
        #expect(summary.outcome.isEmpty)
        for protection in [Protection.clear(.noKey), .clear(.off), .hold(""), .passThrough, .refuse("")] {
            summary.add(protection)
        }
        #expect(summary.outcome == "1 already encrypted, 1 pending, 2 clear, 1 refused")
    }

    @Test("the budget for copies counts each ciphertext, and the shared clear one once")
    func expansion() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("a@opportunistic.test", "b@opportunistic.test", key: "cv25519")
        var settings = try PipelineFixture.settings()
        settings.limits.expandedBytes = 90_000
        let pipeline = try fixture.pipeline(settings)
        let body = [UInt8](repeating: 65, count: 10_000)
        func accept(_ recipients: [String]) async throws -> Acceptance {
            await pipeline.accept(try fixture.message(to: recipients, body: body))
        }
        #expect(try await accept((0..<50).map { "x\($0)@off.test" }).counts != nil)
        #expect(try await accept(["a@opportunistic.test"]).counts != nil)
        #expect(try await accept(["a@opportunistic.test", "x@off.test"]).refusal == .expandsTooFar)
        #expect(try await accept(["a@opportunistic.test", "b@opportunistic.test"]).refusal == .expandsTooFar)
    }

    @Test("holds have a quota in messages and in bytes")
    func holdQuota() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("a@required.test", "b@required.test", key: "p256", expires: PipelineFixture.past)
        var settings = try PipelineFixture.settings()
        settings.protection.holdMessages = 2
        let few = try fixture.pipeline(settings)
        let message = { try fixture.message(to: ["a@required.test"]) }
        let double = try fixture.message(to: ["a@required.test", "b@required.test"])
        #expect(await few.accept(try message()).counts != nil)
        #expect(await few.accept(double).refusal == .tooManyHeld)
        #expect(await few.accept(try message()).counts != nil)
        #expect(await few.accept(try message()).refusal == .tooManyHeld)
        #expect(await few.accept(try fixture.message(to: ["x@off.test"])).counts != nil)
        settings.protection.holdMessages = 100
        settings.protection.holdBytes = 100
        #expect(await (try fixture.pipeline(settings)).accept(try message()).refusal == .tooManyHeld)
    }

    @Test("one recipient without a key is reported to our sender, the others get their copies")
    func partlyRefused() async throws {
        let fixture = try await PipelineFixture()
        _ = try await fixture.addUser("alice", "alice@example.org")
        let message = try fixture.message(to: ["x@required.test", "y@off.test"])
        let answer = try await fixture.pipeline().accept(message)
        #expect(answer.counts == ["copies refused": 1, "copies clear (off)": 1])
        let copies = try await fixture.ready()
        #expect(copies.map(\.recipient.lookupKey) == ["alice@example.org", "y@off.test"])
        let report = try await fixture.text(of: try #require(copies.first))
        #expect(report.contains("Action: failed") && report.contains("x@required.test"))
        #expect(report.contains("Status: 5.7.1") && report.contains("No key is known for this recipient"))
        #expect(!report.contains("secret body") && !report.contains("secret subject"))
    }

    @Test(
        "a refusal that no report can tell refuses the whole message",
        arguments: [(nil, nil), ("x@nowhere.test", nil), ("alice@example.org", Notify.never)]
            as [(String?, Notify?)]
    )
    func untoldRefusal(sender: String?, notify: Notify?) async throws {
        let fixture = try await PipelineFixture()
        let message = try fixture.message(to: ["x@required.test", "y@off.test"], from: sender, notify: notify)
        #expect(try await fixture.pipeline().accept(message).refusal == .noKey)
        #expect(try await fixture.ready().isEmpty)
    }

    @Test("a held copy is reported at once with the reason; the null sender hears nothing", arguments: [true, false])
    func held(isNull: Bool) async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@opportunistic.test", key: "p256", expires: PipelineFixture.past)
        let message = try fixture.message(
            to: ["x@opportunistic.test", "y@off.test"],
            from: isNull ? nil : "alice@example.org"
        )
        let answer = try await fixture.pipeline().accept(message)
        #expect(answer.counts == ["copies held": 1, "copies clear (off)": 1])
        let held = try #require(try await fixture.held().first)
        #expect(held.hold == .keyUnusable && held.recipient.lookupKey == "x@opportunistic.test")
        #expect(held.envelope.reversePath == message.mail.reversePath)
        let report = try await fixture.report()
        #expect((report == nil) == isNull)
        guard let report else { return }
        #expect(report.contains("Action: delayed") && report.contains("Status: 4.7.0"))
        #expect(report.contains("expired on 2026-09-21"))
        #expect(report.contains("Will-Retry-Until: Sat, 26 Sep 2026 14:13:20 +0000"))
        #expect(report.contains("Subject: [...]"))
        #expect(!report.contains("secret body") && !report.contains("secret subject"))
    }

    @Test("who asked for no word about delays gets none", arguments: [Notify.never, [.failure], [.delay]])
    func delayWishes(notify: Notify) async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@opportunistic.test", key: "p256", expires: PipelineFixture.past)
        _ = try await fixture.pipeline().accept(try fixture.message(to: ["x@opportunistic.test"], notify: notify))
        #expect(try await (fixture.report() != nil) == notify.contains(.delay))
    }

    @Test("copies of a large message are streamed into the store and read back whole")
    func large() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("a@opportunistic.test", key: "cv25519")
        let body = [UInt8](repeating: 66, count: 3 << 20)
        let message = try fixture.message(to: ["a@opportunistic.test", "b@off.test"], body: body)
        #expect(try await fixture.pipeline().accept(message).counts?.count == 2)
        let copies = try await fixture.ready()
        let clear = try await StoredMessage(fixture.queue.content(of: copies[1]))
        #expect(try await SourceProducer(clear.body).collected() == body)
        let encrypted = try await fixture.text(of: copies[0])
        #expect(encrypted.utf8.count > 4 << 20 && encrypted.hasSuffix("--\r\n"))
    }
}
