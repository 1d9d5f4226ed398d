// SPDX-License-Identifier: Apache-2.0

import Accounts
import DNSResolver
import Foundation
import Mail
import OpenPGP
import Privacy
import SMTPWire
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("Mail that is sent on")
struct ForwardingTests {
    private static let header =
        "From: =?utf-8?q?Ren=C3=A9e?= <renee@bank.test>\r\nTo: team@example.org\r\nSubject: secret subject\r\n"

    private func fixture(_ targets: String...) async throws -> PipelineFixture {
        let fixture = try await PipelineFixture()
        _ = try await fixture.addUser("alice", "alice@example.org")
        let alias = Alias(address: try address("team@example.org"), targets: try targets.map(address))
        try await fixture.accounts.setAlias(alias)
        return fixture
    }

    private func stranger(
        _ fixture: PipelineFixture,
        to recipients: [String] = ["team@example.org"],
        header: String = header
    ) throws -> IncomingMessage {
        try fixture.message(to: recipients, from: "renee@bank.test", origin: .strangers, header: header)
    }

    private func resolver(_ policy: String) -> FixedResolver {
        var resolver = FixedResolver()
        resolver.txt("_dmarc.bank.test", "v=DMARC1; p=" + policy)
        return resolver
    }

    @Test("a clear forward is the bytes as they came, with a trace field and a mark")
    func clear() async throws {
        let fixture = try await fixture("alice@example.org", "x@opportunistic.test")
        let answer = try await fixture.pipeline().accept(try stranger(fixture))
        #expect(answer.counts == ["copies clear (no key)": 2])
        let copies = try await fixture.ready()
        let forwarded = try #require(copies.last)
        #expect(forwarded.journey == CopyJourney(written: try address("team@example.org"), isForward: true))
        #expect(forwarded.journey.forwarder == (try address("team@example.org")))
        let text = try await fixture.text(of: forwarded)
        #expect(text.hasSuffix(Self.header + "\r\nsecret body\r\n"))
        #expect(text.contains("Postern-Forwarded: ") && !text.contains("x@opportunistic.test"))
        let local = try #require(copies.first)
        #expect(local.journey == CopyJourney(written: try address("team@example.org")))
        #expect(try await !fixture.text(of: local).contains("Postern-Forwarded"))
        let path = try await fixture.pipeline().rewriting.reversePath(
            for: forwarded.envelope.reversePath,
            forwarder: try address("team@example.org")
        )
        #expect(path.wire.hasPrefix("SRS0=") && path.wire.hasSuffix("=bank.test=renee@example.org"))
    }

    @Test("an encrypted forward keeps its author where the domain bears it", arguments: ["none", nil])
    func alterable(policy: String?) async throws {
        let fixture = try await fixture("x@opportunistic.test")
        try await fixture.give("x@opportunistic.test", key: "cv25519")
        let resolver = policy.map(resolver) ?? FixedResolver()
        let answer = try await fixture.pipeline(resolver: resolver).accept(try stranger(fixture))
        #expect(answer.counts == ["copies encrypted": 1])
        let text = try await fixture.text(of: try #require(try await fixture.ready().first))
        #expect(text.contains("<renee@bank.test>") && text.contains("Subject: [...]"))
        #expect(!text.contains("secret") && text.hasPrefix("Postern-Forwarded: "))
    }

    @Test("else it is a message of our own around the original", arguments: ["quarantine", "reject"])
    func newMessage(policy: String) async throws {
        let fixture = try await fixture("x@opportunistic.test", "alice@example.org")
        try await fixture.give("x@opportunistic.test", "alice@example.org", key: "cv25519")
        let answer = try await fixture.pipeline(resolver: resolver(policy)).accept(try stranger(fixture))
        #expect(answer.counts == ["copies encrypted": 2])
        let copies = try await fixture.ready()
        let forwarded = try await fixture.text(of: try #require(copies.last))
        #expect(
            forwarded.contains(
                "From: =?utf-8?q?Ren=C3=A9e?= via \"example.org\"\r\n\t<team@example.org>\r\nTo: <team@example.org>\r\n"
            )
        )
        #expect(forwarded.contains("Reply-To: <renee@bank.test>\r\n") && forwarded.contains("Subject: [...]\r\n"))
        #expect(!forwarded.contains("secret") && forwarded.contains("\r\nMessage-ID: <"))
        // Nobody has to be deceived at home: the mailbox's copy keeps its author.
        let local = try await fixture.text(of: try #require(copies.first))
        #expect(local.contains("From: =?utf-8?q?Ren=C3=A9e?= <renee@bank.test>\r\n"))
    }

    @Test("a policy that can't be found out refuses the message for now, and nothing of it stays")
    func unknownPolicy() async throws {
        let fixture = try await fixture("x@opportunistic.test", "alice@example.org")
        try await fixture.give("x@opportunistic.test", key: "cv25519")
        var resolver = FixedResolver()
        resolver.put("_dmarc.bank.test", .txt, .failed)
        let pipeline = try fixture.pipeline(resolver: resolver)
        #expect(await pipeline.accept(try stranger(fixture)).refusal == .authorPolicyUnknown)
        #expect(try await fixture.ready().isEmpty)
        // Where nothing is altered nobody asks.
        #expect(await pipeline.accept(try stranger(fixture, to: ["alice@example.org"])).counts != nil)
    }

    @Test("a target whose protection can't be met refuses the message, never in clear")
    func required() async throws {
        let fixture = try await fixture("x@required.test", "alice@example.org")
        #expect(try await fixture.pipeline().accept(try stranger(fixture)).refusal == .noKey)
        try await fixture.give("x@required.test", key: "p256", expires: PipelineFixture.past)
        #expect(try await fixture.pipeline().accept(try stranger(fixture)).refusal == .keyUnusable)
        #expect(try await fixture.ready().isEmpty)
    }

    @Test("a forward that comes back ends there, in clear and around a new message", arguments: [true, false])
    func loop(isEncrypted: Bool) async throws {
        let fixture = try await fixture("x@opportunistic.test")
        if isEncrypted { try await fixture.give("x@opportunistic.test", key: "cv25519") }
        let pipeline = try fixture.pipeline(resolver: resolver("reject"))
        #expect(await pipeline.accept(try stranger(fixture)).counts != nil)
        let text = try await fixture.text(of: try #require(try await fixture.ready().first))
        let header = String(text[..<(try #require(text.range(of: "\r\n\r\n"))).lowerBound]) + "\r\n"
        #expect(await pipeline.accept(try stranger(fixture, header: header)).refusal == .tooManyHops)
        // Another address of ours may send the same message on; a mark of somebody else's means nothing.
        #expect(await pipeline.accept(try stranger(fixture, to: ["alice@example.org"], header: header)).counts != nil)
        let foreign = "Postern-Forwarded: aaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb\r\n"
        #expect(await pipeline.accept(try stranger(fixture, header: foreign + Self.header)).counts != nil)
        let many = String(repeating: foreign, count: 101)
        #expect(await pipeline.accept(try stranger(fixture, header: many + Self.header)).refusal == .tooManyHops)
    }

    @Test("what comes back to a return path goes to the sender")
    func bounce() async throws {
        let fixture = try await fixture("x@opportunistic.test")
        let pipeline = try fixture.pipeline()
        let team = try address("team@example.org")
        let path = try await pipeline.rewriting.reversePath(for: .address(try address("r@off.test")), forwarder: team)
        let bounce = try fixture.message(
            to: [path.wire],
            from: nil,
            origin: .strangers,
            header: "From: MAILER-DAEMON@opportunistic.test\r\n"
        )
        #expect(await pipeline.accept(bounce).counts == ["copies clear (off)": 1])
        let copy = try #require(try await fixture.ready().first)
        #expect(copy.recipient == (try address("r@off.test")) && copy.envelope.reversePath == .null)
        #expect(copy.journey.isForward)
    }

    @Test("a report names the address that the sender wrote and nothing behind it")
    func reports() async throws {
        let fixture = try await fixture("x@opportunistic.test")
        var settings = try PipelineFixture.settings()
        settings.routes.append(Route(domain: .any, target: .mx))
        let pipeline = try fixture.pipeline(settings)
        #expect(await pipeline.accept(try stranger(fixture)).counts != nil)
        let copy = try #require(try await fixture.ready().first)
        let facts = CopyFacts(
            status: "5.1.1",
            remoteMTA: "mx.opportunistic.test",
            diagnostic: "550 x@opportunistic.test?"
        )
        let content = fixture.queue.content(of: copy)
        let report = try #require(
            try await pipeline.reports.failure(of: copy, facts, content: content).report?.onlyText
        )
        #expect(report.contains("<team@example.org>"))
        let told = report.components(separatedBy: "text/rfc822-headers")[0]
        #expect(!told.contains("opportunistic.test"))
    }
}

@Suite("Receipts")
struct ReceiptTests {
    private static let header = "From: alice@example.org\r\nPostern-Receipt: Yes\r\nSubject: secret subject\r\n"

    private func accepted(
        _ fixture: PipelineFixture,
        _ account: Account,
        to recipients: [String],
        origin: Origin? = nil
    ) async throws -> [LeasedCopy] {
        let message = try fixture.message(
            to: recipients,
            from: account.addresses[0].wire,
            origin: origin ?? .ours(.account(account)),
            header: Self.header.replacing("alice@example.org", with: account.addresses[0].wire)
        )
        #expect(try await fixture.pipeline().accept(message).counts != nil)
        return try await fixture.ready()
    }

    @Test("a signed-in user is told how the copy was protected, by the address they wrote")
    func wished() async throws {
        let fixture = try await PipelineFixture()
        let alice = try await fixture.addUser("alice", "alice@example.org")
        try await fixture.addAlias("team@example.org", "x@off.test", "y@off.test")
        let copies = try await accepted(fixture, alice, to: ["team@example.org"])
        #expect(copies.count == 2 && copies.allSatisfy(\.journey.wantsReceipt))
        #expect(try await !fixture.text(of: copies[0]).contains("Postern-Receipt"))
        let reports = try fixture.pipeline().reports
        let receipt = try #require(try await reports.receipt(for: copies, isFinal: false))
        #expect(receipt.envelope.reversePath == .null && receipt.copies.map(\.recipient) == alice.addresses)
        let text = try #require(receipt.onlyText)
        #expect(text.components(separatedBy: "<team@example.org>").count == 2)
        #expect(text.contains("encryption is off") && text.contains("Auto-Submitted: auto-replied\r\n"))
        #expect(!text.contains("off.test") && !text.contains("secret"))
    }

    @Test("it is encrypted to a sender with a key, and never made in clear for one with a bad key")
    func protected() async throws {
        let fixture = try await PipelineFixture()
        let alice = try await fixture.addUser("alice", "alice@example.org")
        let bob = try await fixture.addUser("bob", "bob@example.org")
        try await fixture.give("alice@example.org", key: "cv25519")
        let reports = try fixture.pipeline().reports
        let copies = try await accepted(fixture, alice, to: ["x@off.test"])
        let text = try #require(try await reports.receipt(for: copies, isFinal: false)?.onlyText)
        #expect(text.contains("-----BEGIN PGP MESSAGE-----") && !text.contains("off.test"))
        try await fixture.give("bob@example.org", key: "p256", expires: PipelineFixture.past)
        let others = try await accepted(fixture, bob, to: ["y@off.test"])
        #expect(try await reports.receipt(for: others.filter(\.journey.wantsReceipt), isFinal: false) == nil)
    }

    @Test("from anybody else the wish is not heard; from our networks it is removed all the same")
    func unheard() async throws {
        let fixture = try await PipelineFixture()
        let alice = try await fixture.addUser("alice", "alice@example.org")
        let network = try await accepted(fixture, alice, to: ["x@off.test"], origin: .ours(.network))
        #expect(try await !fixture.text(of: network[0]).contains("Postern-Receipt"))
        #expect(try await fixture.pipeline().reports.receipt(for: network, isFinal: false) == nil)
        let strangers = try await accepted(fixture, alice, to: ["alice@example.org"], origin: .strangers)
        #expect(strangers.allSatisfy { !$0.journey.wantsReceipt })
    }
}
