// SPDX-License-Identifier: Apache-2.0

import Keyring
import Mail
import Privacy
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("What happens to one recipient's copy")
struct ProtectionTests {
    enum Key: String, Sendable, CaseIterable { case usable, unusable, none }

    struct Row: CustomTestStringConvertible, Sendable {
        let mode: ProtectionMode
        let key: Key
        /// The decision, by its word.
        let word: String
        /// What strangers and our users get at `RCPT`.
        var strangers: RecipientRefusal?
        var ours: RecipientRefusal?
        var testDescription: String { "\(mode.rawValue), \(key.rawValue) key" }
    }

    static let rows = [
        Row(mode: .off, key: .usable, word: "clear (off)"),
        Row(mode: .off, key: .unusable, word: "clear (off)"),
        Row(mode: .off, key: .none, word: "clear (off)"),
        Row(mode: .dryRun, key: .usable, word: "dry-run (would be encrypted)"),
        Row(mode: .dryRun, key: .unusable, word: "dry-run (would be held)"),
        Row(mode: .dryRun, key: .none, word: "dry-run (would be clear)"),
        Row(mode: .opportunistic, key: .usable, word: "encrypted"),
        Row(mode: .opportunistic, key: .unusable, word: "held", strangers: .keyUnusable),
        Row(mode: .opportunistic, key: .none, word: "clear (no key)"),
        Row(mode: .required, key: .usable, word: "encrypted"),
        Row(mode: .required, key: .unusable, word: "held", strangers: .keyUnusable),
        Row(mode: .required, key: .none, word: "refused", strangers: .noKey, ours: .noKey),
    ]

    private func fixture() async throws -> PipelineFixture {
        let fixture = try await PipelineFixture()
        try await fixture.give(
            "usable@off.test",
            "usable@dry-run.test",
            "usable@opportunistic.test",
            "usable@required.test",
            key: "cv25519"
        )
        try await fixture.give(
            "unusable@off.test",
            "unusable@dry-run.test",
            "unusable@opportunistic.test",
            "unusable@required.test",
            key: "p256",
            expires: PipelineFixture.past
        )
        return fixture
    }

    @Test("mode, key and origin decide", arguments: rows)
    func table(row: Row) async throws {
        let fixture = try await fixture()
        let recipient = "\(row.key.rawValue)@\(row.mode.rawValue).test"
        let pipeline = try fixture.pipeline()
        let rules = pipeline.rules
        let decision = try await rules.protection(for: try address(recipient), existing: .none, at: fixture.now)
        #expect(decision.word == row.word)

        let atRcpt = { (origin: Origin) in
            try await rules.refusal(for: try address(recipient), origin: origin, at: fixture.now)
        }
        #expect(try await atRcpt(.strangers) == row.strangers)
        #expect(try await atRcpt(.ours(.network)) == row.ours)

        // What a stranger was refused at RCPT is refused after end-of-data too.
        let foreign = try fixture.message(to: [recipient], from: "x@far.test", origin: .strangers)
        let answer = await pipeline.accept(foreign)
        switch row.strangers {
        case .noKey: #expect(answer.refusal == .noKey)
        case .keyUnusable: #expect(answer.refusal == .keyUnusable)
        case nil: #expect(answer.counts == ["copies \(row.word)": 1])
        }
        #expect(try await fixture.held().isEmpty)
        #expect(try await fixture.ready().count == (row.strangers == nil ? 1 : 0))

        let own = await pipeline.accept(try fixture.message(to: [recipient]))
        let ready = try await fixture.ready().filter { $0.protection != "report" }
        let held = try await fixture.held()
        switch row.word {
        case "refused":
            #expect(own.refusal == .noKey && ready.isEmpty && held.isEmpty)
        case "held":
            #expect(own.counts == ["copies held": 1] && ready.isEmpty && held.count == 1)
            #expect(held.first?.hold == .keyUnusable)
        default:
            #expect(own.counts == ["copies \(row.word)": 1] && held.isEmpty)
            let text = try await fixture.text(of: try #require(ready.first))
            let isEncrypted = row.word == "encrypted"
            #expect(text.contains("secret body") != isEncrypted && text.contains("secret subject") != isEncrypted)
            #expect(text.contains("-----BEGIN PGP MESSAGE-----") == isEncrypted)
        }
    }

    @Test("what is encrypted already passes, whatever the key; where encryption is off it counts as that")
    func existing() async throws {
        let rules = try await fixture().pipeline().rules
        for kind in [MIMEOutline.Existing.openPGP, .smime] {
            for row in Self.rows {
                let recipient = try address("\(row.key.rawValue)@\(row.mode.rawValue).test")
                let decision = try await rules.protection(for: recipient, existing: kind, at: PipelineFixture.start)
                #expect(decision.word == (row.mode == .off ? "clear (off)" : "already encrypted"))
            }
        }
        let partly = try await rules.protection(
            for: try address("usable@required.test"),
            existing: .mixedOnlyPartly,
            at: PipelineFixture.start
        )
        #expect(partly.word == "encrypted")
    }

    @Test("an encrypted message passes byte for byte, only traced")
    func passThrough() async throws {
        let fixture = try await fixture()
        let pipeline = try fixture.pipeline()
        _ = await pipeline.accept(try fixture.message(to: ["usable@required.test"]))
        let encrypted = try #require(try await fixture.ready().first)
        let stored = try await StoredMessage(fixture.queue.content(of: encrypted))
        var again = try fixture.message(to: ["none@required.test", "usable@required.test"])
        again.header = stored.header
        again.body = stored.body
        let answer = await pipeline.accept(again)
        #expect(answer.counts == ["copies already encrypted": 2])
        let copies = try await fixture.ready()
        #expect(copies.count == 2 && copies[0].contentID == copies[1].contentID)
        let passed = try await StoredMessage(fixture.queue.content(of: copies[0]))
        let body = try await SourceProducer(passed.body).collected()
        #expect(try await SourceProducer(stored.body).collected() == body)
    }

    @Test("a quoted armor line is no encryption")
    func quotedArmor() async throws {
        let fixture = try await fixture()
        let body = Array(
            "Look:\r\n> -----BEGIN PGP MESSAGE-----\r\n>\r\n> hQ==\r\n> -----END PGP MESSAGE-----\r\n".utf8
        )
        let answer = try await fixture.pipeline().accept(
            try fixture.message(to: ["usable@opportunistic.test"], body: body)
        )
        #expect(answer.counts == ["copies encrypted": 1])
    }

    @Test("in our own domains an address with a tag has the key of the one without; elsewhere it has not")
    func tags() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("alice@example.org", "alice@opportunistic.test", key: "cv25519")
        try await fixture.give("alice+old@example.org", key: "p256", expires: PipelineFixture.past)
        let rules = try fixture.pipeline().rules
        func word(_ text: String, _ rules: ProtectionRules) async throws -> String {
            try await rules.protection(for: try address(text), existing: .none, at: fixture.now).word
        }
        #expect(try await word("alice+x@example.org", rules) == "encrypted")
        #expect(try await word("alice+old@example.org", rules) == "held")
        #expect(try await word("alice+x@opportunistic.test", rules) == "clear (no key)")
        var settings = try PipelineFixture.settings()
        settings.routes[0].target = .lmtp(NextHop(endpoint: .unix(path: "/run/lmtp")))
        #expect(
            try await word("alice+x@example.org", ProtectionRules(settings: settings, keyring: fixture.keyring))
                == "encrypted"
        )
        settings.tagSeparator = nil
        #expect(
            try await word("alice+x@example.org", ProtectionRules(settings: settings, keyring: fixture.keyring))
                == "clear (no key)"
        )
    }

    @Test("a signed-in user's copy of a key that ends while the message is on its way is held")
    func endsMeanwhile() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@opportunistic.test", key: "p256", expires: fixture.now + .seconds(10))
        let pipeline = try fixture.pipeline()
        let message = try fixture.message(to: ["x@opportunistic.test"])
        #expect(
            try await pipeline.rules.refusal(for: message.recipients[0].address, origin: .strangers, at: fixture.now)
                == nil
        )
        fixture.advance(.seconds(20))
        #expect(await pipeline.accept(message).counts == ["copies held": 1])
    }

    @Test("a key that only a broken worker can use refuses the message, and nothing of it stays")
    func brokenWorker() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@opportunistic.test", key: "brainpool")
        let message = try fixture.message(to: ["x@opportunistic.test", "y@opportunistic.test"])
        let answer = try await fixture.pipeline(worker: Keys.brokenWorker).accept(message)
        #expect(answer.refusal == .unavailable)
        #expect(try await fixture.ready().isEmpty)
        #expect(
            try await fixture.pipeline().accept(message).counts == ["copies encrypted": 1, "copies clear (no key)": 1]
        )
    }
}
