// SPDX-License-Identifier: Apache-2.0

import Mail
import OpenPGP
import Privacy
import SMTPWire
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("Delivery reports")
struct ReportTests {
    private static let facts = CopyFacts(status: "5.1.1", remoteMTA: "mx.far.test", diagnostic: "550 no such person")
    private static let telling = """
        From: alice@example.org\r
        Subject: secret subject\r
        Keywords: secret keyword\r
        Comments: secret comment\r
        Content-Disposition: inline; filename=secret-file\r\n
        """

    /// A leased copy for `recipient`.
    private func copy(
        _ fixture: PipelineFixture,
        to recipient: String = "x@off.test",
        from sender: String? = "alice@example.org",
        body: [UInt8] = Array("secret body\r\n".utf8),
        ret: DSNReturn? = nil,
        notify: Notify? = nil
    ) async throws -> LeasedCopy {
        var message = try fixture.message(
            to: [recipient],
            from: sender,
            header: Self.telling,
            body: body,
            notify: notify
        )
        message.mail.ret = ret
        message.mail.envid = "QQ7"
        #expect(try await fixture.pipeline().accept(message).counts != nil)
        return try #require(try await fixture.ready().first)
    }

    private func failure(
        _ fixture: PipelineFixture,
        of copy: LeasedCopy,
        pipeline: Pipeline? = nil
    ) async throws -> (outcome: CopyOutcome, report: NewMessage?) {
        let reports = try (pipeline ?? fixture.pipeline()).reports
        return try await reports.failure(of: copy, Self.facts, content: fixture.queue.content(of: copy))
    }

    private func isDiscarded(_ outcome: CopyOutcome) -> Bool {
        if case .discarded = outcome.result { true } else { false }
    }

    private func isFailed(_ outcome: CopyOutcome) -> Bool {
        if case .failed = outcome.result { true } else { false }
    }

    @Test("a failure goes back as a report that the null sender sends and nobody answers")
    func failure() async throws {
        let fixture = try await PipelineFixture()
        let (outcome, report) = try await failure(fixture, of: try await copy(fixture))
        #expect(isFailed(outcome))
        let message = try #require(report)
        #expect(message.envelope.reversePath == .null && message.envelope.origin == .ours)
        #expect(message.copies.map(\.recipient.lookupKey) == ["alice@example.org"])
        #expect(message.copies.map(\.dsn.notify) == [.never] && message.copies.map(\.protection) == ["report"])
        #expect(message.copies.map(\.nextHopHint) == ["hop example.org"])
        let text = try #require(message.onlyText)
        for line in [
            "To: <alice@example.org>", "Original-Envelope-Id: QQ7", "Final-Recipient: rfc822; x@off.test",
            "Action: failed", "Status: 5.1.1", "Remote-MTA: dns; mx.far.test", "Reporting-MTA: dns; mail.example.org",
            "Message-ID: <\(message.id.logText)@mail.example.org>",
        ] { #expect(text.contains(line + "\r\n"), "\(line)") }
        #expect(text.contains("550 no such person"))
    }

    @Test("without a key the outer header goes back and nothing else; of a clear copy with its Subject")
    func headerOnly() async throws {
        let fixture = try await PipelineFixture()
        let text = try #require(try await failure(fixture, of: try await copy(fixture, ret: .full)).report?.onlyText)
        #expect(text.contains("Content-Type: text/rfc822-headers") && text.contains("Subject: secret subject"))
        #expect(!text.contains("secret body"))
    }

    @Test("of a copy that was encrypted nothing goes back that the encryption hid")
    func protectedHeader() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@opportunistic.test", key: "cv25519")
        let copy = try await copy(fixture, to: "x@opportunistic.test")
        let text = try #require(try await failure(fixture, of: copy).report?.onlyText)
        #expect(text.contains("Subject: [...]\r\n") && text.contains("From: alice@example.org\r\n"))
        #expect(!text.contains("secret"))
    }

    @Test("of a copy that waited to be encrypted neither")
    func heldHeader() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@opportunistic.test", key: "p256", expires: PipelineFixture.past)
        let message = try fixture.message(to: ["x@opportunistic.test"], header: Self.telling)
        _ = try await fixture.pipeline().accept(message)
        let delayed = try #require(try await fixture.report())
        let held = try #require(try await fixture.held().first)
        let failed = try #require(try await failure(fixture, of: held).report?.onlyText)
        for text in [delayed, failed] {
            #expect(text.contains("Subject: [...]\r\n") && !text.contains("secret"))
        }
    }

    @Test("a sender with a key gets the message back encrypted to it, or its header where no more was asked for")
    func encrypted() async throws {
        let fixture = try await PipelineFixture()
        let key = try await fixture.give("alice@example.org", key: "cv25519")
        let body = Array(String(repeating: "secret body\r\n", count: 5000).utf8)
        let full = try await failure(fixture, of: try await copy(fixture, body: body, ret: .full)).report?.onlyText
        let headers = try await failure(fixture, of: try await copy(fixture, body: body, ret: .headers)).report?
            .onlyText
        for text in [full, headers] {
            let text = try #require(text)
            #expect(!text.contains("secret") && text.contains("encrypted to your key"))
            #expect(try Keys.recipients(of: text) == key.encryptionSubkeys(at: fixture.now.seconds).map(\.keyID))
        }
        #expect(try #require(full).utf8.count > body.count && #require(headers).utf8.count < 10_000)
    }

    @Test("a body over 1 MiB stays here")
    func largeBody() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("alice@example.org", key: "cv25519")
        let copy = try await copy(fixture, body: [UInt8](repeating: 67, count: 2 << 20))
        #expect(try #require(try await failure(fixture, of: copy).report?.onlyText).utf8.count < 10_000)
    }

    @Test("a sender's key that can't be used, or only by a worker that fails, brings nothing back in clear")
    func unusableSender() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("alice@example.org", key: "p256", expires: PipelineFixture.past)
        let first = try await copy(fixture)
        let text = try #require(try await failure(fixture, of: first).report?.onlyText)
        #expect(!text.contains("secret body"))

        let other = try await PipelineFixture()
        try await other.give("alice@example.org", key: "brainpool")
        let second = try await copy(other)
        let broken = try other.pipeline(worker: Keys.brokenWorker)
        let (outcome, report) = try await failure(other, of: second, pipeline: broken)
        #expect(isFailed(outcome))
        #expect(report?.onlyText?.contains("Action: failed") == true && report?.onlyText?.contains("secret") == false)
    }

    @Test("a sender for whom encryption is off gets headers, key or not")
    func senderModeOff() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("sender@off.test", key: "cv25519")
        let text = try await failure(fixture, of: try await copy(fixture, from: "sender@off.test")).report?.onlyText
        #expect(text?.contains("text/rfc822-headers") == true && text?.contains("secret body") == false)
    }

    @Test(
        "where no report may or can go the copy becomes a sealed discard",
        arguments: [(nil, nil), ("x@nowhere.test", nil), ("alice@example.org", .never), ("alice@example.org", .delay)]
            as [(String?, Notify?)]
    )
    func discarded(sender: String?, notify: Notify?) async throws {
        let fixture = try await PipelineFixture()
        let copy = try await copy(fixture, from: sender, notify: notify)
        let (outcome, report) = try await failure(fixture, of: copy)
        #expect(isDiscarded(outcome) && report == nil)
        try await fixture.queue.settle([outcome])
        #expect(fixture.queue.counts().discarded == 1)
    }

    @Test(
        "delays and successes are told to who wants to hear of them",
        arguments: [
            (nil, true, false), (.never, false, false), (.success, false, true), ([.delay, .success], true, true),
            (.failure, false, false),
        ] as [(Notify?, Bool, Bool)]
    )
    func wishes(notify: Notify?, delay: Bool, success: Bool) async throws {
        let fixture = try await PipelineFixture()
        let copy = try await copy(fixture, notify: notify)
        let reports = try fixture.pipeline().reports
        let content = fixture.queue.content(of: copy)
        let facts = CopyFacts(status: "4.4.1", explanation: "The other server is down.")
        let delayed = try await reports.delay(of: copy, facts, content: content)?.onlyText
        #expect((delayed != nil) == delay)
        if let delayed {
            #expect(delayed.contains("Action: delayed") && delayed.contains("The other server is down."))
            #expect(delayed.contains("Will-Retry-Until: Sat, 26 Sep 2026 14:13:20 +0000"))
            #expect(!delayed.contains("secret body"))
        }
        let ok = CopyFacts(status: "2.0.0")
        let delivered = try await reports.success(of: copy, ok, isFinal: true, content: content)?.onlyText
        let relayed = try await reports.success(of: copy, ok, isFinal: false, content: content)?.onlyText
        #expect((delivered != nil) == success && (relayed != nil) == success)
        if success {
            #expect(delivered?.contains("Action: delivered") == true && relayed?.contains("Action: relayed") == true)
        }
    }

    @Test("the null sender hears of no delay and no success")
    func nullSender() async throws {
        let fixture = try await PipelineFixture()
        let copy = try await copy(fixture, from: nil, notify: [.success, .delay, .failure])
        let reports = try fixture.pipeline().reports
        let content = fixture.queue.content(of: copy)
        #expect(try await reports.delay(of: copy, Self.facts, content: content) == nil)
        #expect(try await reports.success(of: copy, Self.facts, isFinal: true, content: content) == nil)
    }

    @Test("a header that scrubbing made much longer can be reported on")
    func grownHeader() async throws {
        let fixture = try await PipelineFixture()
        let references = String(repeating: "<a@b>\r\n ", count: 20_000)
        let header = "From: alice@example.org\r\nReferences: \(references)<z@far.test>\r\n"
        let message = try fixture.message(to: ["x@off.test"], header: header)
        #expect(try await fixture.pipeline().accept(message).counts != nil)
        let copy = try #require(try await fixture.ready().first)
        #expect(copy.contentSize > 256 << 10 + 65_536)
        #expect(try await failure(fixture, of: copy).report != nil)
    }
}
