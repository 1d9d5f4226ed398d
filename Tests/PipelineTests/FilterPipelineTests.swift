// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import SMTPWire
import Settings
import Store
import Testing
import Vault

@testable import Pipeline

@Suite("Mail that came by a filter")
struct FilterPipelineTests {
    private static let outbound = "outbound 127.0.0.1:10025"
    private static let inbound = "inbound 127.0.0.1:10027"

    private func message(
        _ fixture: PipelineFixture,
        by filter: String,
        to recipients: [String] = ["x@nowhere.test"],
        from sender: String? = "alice@example.org",
        header: String = "From: alice@example.org\r\nMessage-ID: <1@example.org>\r\n"
    ) throws -> IncomingMessage {
        let origin: Origin = filter == Self.outbound ? .ours(.filter) : .strangers
        var message = try fixture.message(to: recipients, from: sender, origin: origin, header: header)
        message.filter = filter
        return message
    }

    @Test("needs no route, is scrubbed, and remembers its filter in the queue")
    func queued() async throws {
        let fixture = try await PipelineFixture()
        let message = try message(
            fixture,
            by: Self.outbound,
            header: "From: alice@example.org\r\nX-Originating-IP: 192.0.2.1\r\n"
        )
        #expect(try await fixture.pipeline().accept(message).counts == ["copies clear (no key)": 1])
        let copy = try #require(try await fixture.ready().first)
        #expect(copy.envelope.filter == Self.outbound && copy.nextHopHint == "filter " + Self.outbound)
        #expect(!(try await fixture.text(of: copy)).contains("192.0.2.1"))
    }

    @Test("aliases of ours mean nothing behind a filter")
    func aliases() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.addAlias("team@example.org", "x@off.test", "y@off.test")
        _ = try await fixture.pipeline().accept(try message(fixture, by: Self.inbound, to: ["team@example.org"]))
        #expect(try await fixture.ready().map(\.recipient.wire) == ["team@example.org"])
    }

    @Test("the mark is counted, keyed, and ends a loop; it decides about nothing else")
    func mark() async throws {
        let fixture = try await PipelineFixture()
        let pipeline = try fixture.pipeline()
        var header = "From: alice@example.org\r\nMessage-ID: <1@example.org>\r\n"
        for round in 1...FilterMark.passes {
            let prepared = try await pipeline.prepare(try message(fixture, by: Self.outbound, header: header)).get()
            let text = try #require(prepared.message.onlyText)
            header = try #require(text.components(separatedBy: "\r\n\r\n").first) + "\r\n"
            let section = HeaderSection(parsing: Array(header.utf8))
            #expect(section.fields(FilterMark.field).count == 1)
            #expect(FilterMark(vault: fixture.vault).count(in: section, filter: Self.outbound) == round)
            // Not in the other direction, not for another message, not under another key.
            #expect(FilterMark(vault: fixture.vault).count(in: section, filter: Self.inbound) == 0)
            var other = section
            other.replace("Message-ID", with: "<2@example.org>")
            #expect(FilterMark(vault: fixture.vault).count(in: other, filter: Self.outbound) == 0)
            #expect(FilterMark(vault: try Vault.ephemeral()).count(in: section, filter: Self.outbound) == 0)
        }
        await #expect(throws: Refusal.filteredBefore) {
            try await pipeline.prepare(try message(fixture, by: Self.outbound, header: header)).get()
        }
        let stranger = try message(fixture, by: Self.inbound, header: header)
        #expect(await pipeline.accept(stranger).refusal == nil)
    }

    @Test("a mark never goes inside what is encrypted, and what was encrypted is not encrypted again")
    func encryptedOnce() async throws {
        let fixture = try await PipelineFixture()
        try await fixture.give("x@nowhere.test", key: "cv25519")
        let pipeline = try fixture.pipeline()
        let first = try await pipeline.prepare(try message(fixture, by: Self.outbound)).get()
        #expect(first.summary.counts == ["copies encrypted": 1])
        let text = try #require(first.message.onlyText)
        let parts = text.components(separatedBy: "\r\n\r\n")
        var again = try message(fixture, by: Self.outbound, header: parts[0] + "\r\n")
        let body = parts.dropFirst().joined(separator: "\r\n\r\n")
        again.body = MemorySource(Array(body.utf8))
        let second = try await pipeline.prepare(again).get()
        #expect(second.summary.counts == ["copies already encrypted": 1])
        #expect(second.message.onlyText?.hasSuffix("\r\n\r\n" + body) == true)
    }

    @Test("our user hears by the same filter that mail came to nothing; a stranger never does")
    func failures() async throws {
        let fixture = try await PipelineFixture()
        let pipeline = try fixture.pipeline()
        let facts = CopyFacts(status: "5.1.1", diagnostic: "550 no")
        for (filter, isTold) in [(Self.outbound, true), (Self.inbound, false)] {
            _ = await pipeline.accept(try message(fixture, by: filter))
            let copy = try #require(try await fixture.ready().first { $0.envelope.filter == filter })
            let content = fixture.queue.content(of: copy)
            let (outcome, report) = try await pipeline.reports.failure(of: copy, facts, content: content)
            #expect((report != nil) == isTold)
            #expect(report?.envelope.filter == (isTold ? filter : nil))
            #expect(try await (pipeline.reports.delay(of: copy, facts, content: content) != nil) == isTold)
            if case .discarded = outcome.result { #expect(!isTold) } else { #expect(isTold) }
        }
    }
}
