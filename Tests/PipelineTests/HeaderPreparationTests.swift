// SPDX-License-Identifier: Apache-2.0

import Mail
import Settings
import Store
import Testing

@testable import Pipeline

@Suite("The header that leaves")
struct HeaderPreparationTests {
    private static let telling = """
        Received: from [192.0.2.9] (helo=laptop.local) by mail.example.org; Sun, 22 Nov 2026 08:37:42 +0100\r
        User-Agent: Secretive 1.0\r
        Bcc: hidden@far.test\r
        From: alice@example.org\r
        Date: Sun, 22 Nov 2026 08:37:42 +0100\r
        Message-ID: <1@laptop.local>\r
        X-Kept: as it is\r\n
        """

    private func prepared(
        _ header: String,
        origin: Origin = .ours(.network),
        settings: PosternSettings? = nil
    ) async throws -> (text: String, id: String) {
        let fixture = try await PipelineFixture()
        let settings = try settings ?? PipelineFixture.settings()
        let preparation = HeaderPreparation(settings: settings, vault: fixture.vault, time: fixture.time)
        let message = try fixture.message(to: ["x@off.test"], origin: origin, header: header)
        return (String(decoding: preparation.prepared(message).bytes, as: UTF8.self), message.id.logText)
    }

    private static func trace(_ id: String) -> String {
        "Received: by mail.example.org with ESMTPSA id \(id);\r\n\tMon, 21 Sep 2026 14:13:20 +0000\r\n"
    }

    @Test("what strangers send gets our trace field in front and is not touched otherwise")
    func strangers() async throws {
        let (text, id) = try await prepared(Self.telling, origin: .strangers)
        #expect(text == Self.trace(id) + Self.telling)
        let (bare, bareID) = try await prepared("", origin: .strangers)
        #expect(bare == Self.trace(bareID))
    }

    @Test("what our users send is scrubbed")
    func scrubbed() async throws {
        let (text, id) = try await prepared(Self.telling)
        #expect(text.hasPrefix(Self.trace(id)))
        for word in ["192.0.2.9", "laptop", "Secretive", "hidden@", "+0100", "Bcc"] { #expect(!text.contains(word)) }
        #expect(text.contains("\r\nDate: Sun, 22 Nov 2026 07:37:42 +0000\r\n"))
        #expect(text.contains("\r\nReceived: by mail.example.org; Sun, 22 Nov 2026 07:37:42 +0000\r\n"))
        #expect(text.contains("@mail.example.org>\r\n"))
        #expect(text.contains("From: alice@example.org\r\n") && text.contains("X-Kept: as it is\r\n"))
    }

    @Test("Date and Message-ID are added for our users where they miss, and only there")
    func completed() async throws {
        let (text, id) = try await prepared("From: alice@example.org\r\n")
        #expect(
            text == Self.trace(id) + "From: alice@example.org\r\nDate: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
                + "Message-ID: <\(id)@mail.example.org>\r\n"
        )
        let whole = "From: a@example.org\r\nMessage-ID: <x@far.test>\r\nDate: Sun, 22 Nov 2026 07:37:42 +0000\r\n"
        let (kept, keptID) = try await prepared(whole)
        #expect(kept == Self.trace(keptID) + whole)
    }

    @Test("a host name in other letters goes into the Message-ID as ASCII")
    func internationalHost() async throws {
        var settings = try PipelineFixture.settings()
        settings.hostname = try domain("müll.example.org")
        let (text, _) = try await prepared("From: alice@example.org\r\n", settings: settings)
        #expect(text.contains("@xn--mll-hoa.example.org>") && text.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test("a field added behind a header that was cut off gets a line of its own")
    func cutOff() async throws {
        let (text, _) = try await prepared("From: alice@example.org")
        #expect(text.contains("From: alice@example.org\r\nDate: "))
    }

    @Test("an mbox line stays the first")
    func mbox() async throws {
        let (text, id) = try await prepared("From alice Sun Nov 22\r\nFrom: alice@example.org\r\n")
        #expect(text.hasPrefix("From alice Sun Nov 22\r\n" + Self.trace(id)))
    }

    @Test("the settings add to the list of fields and take from it")
    func lists() async throws {
        var settings = try PipelineFixture.settings()
        settings.scrub.keep = ["user-agent"]
        settings.scrub.remove = ["X-House-*"]
        settings.scrub.localNames = ["Intern.example.org"]
        let header = """
            From: alice@example.org\r
            User-Agent: Wanted\r
            X-Mailer: Unwanted\r
            X-House-Room: 101\r
            Message-ID: <1@intern.example.org>\r\n
            """
        let (text, _) = try await prepared(header, settings: settings)
        #expect(text.contains("User-Agent: Wanted\r\n"))
        #expect(!text.contains("Unwanted") && !text.contains("101") && !text.contains("intern"))
    }
}
