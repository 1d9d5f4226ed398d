// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Scrubbing")
struct ScrubberTests {
    private let scrubber: Scrubber

    init() throws {
        let domain = try #require(Domain("Example.org"))
        let rules = ScrubRules(ourDomain: domain, localHostNames: ["desk.example.org"])
        scrubber = Scrubber(rules: rules) { input in
            // A stand-in with the shape of a keyed hash: the sum differs for different inputs here.
            let sum = input.reduce(UInt64(7)) { ($0 &* 31) &+ UInt64($1) }
            return (0..<32).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64($0 % 8))) }
        }
    }

    private func scrub(_ lines: String) -> String {
        text(scrubber.scrub(HeaderSection(parsing: crlf(lines + "\n"))).bytes)
    }

    @Test("removes every listed field and Bcc, in any case and with its folds")
    func removal() {
        let names = [
            "user-agent", "X-Mailer", "X-ORIGINATING-IP", "X-PHP-Originating-Script", "X-PHP-Script", "X-Source",
            "X-Source-Args", "X-Source-Dir", "X-Sender", "X-AntiAbuse", "Bcc", "Resent-Bcc", "X-MimeOLE",
            "X-Forwarded-For",
            "X-Authenticated-Sender", "X-Get-Message-Sender-Via", "X-Mozilla-Status",
        ]
        for name in names {
            #expect(scrub("\(name): a\n folded\nSubject: kept") == "Subject: kept\r\n", "\(name)")
        }
        let kept = "From x\r\nSubject: s\r\nX-Sources-not: really\r\nX-Priority: 1\r\nX-My-Own: y\r\n"
        #expect(scrub("From x\nSubject: s\nX-Priority: 1\nX-My-Own: y").contains("X-Priority: 1\r\nX-My-Own: y"))
        #expect(scrub(kept).contains("From x\r\nSubject: s\r\n"))
    }

    @Test("removes Bcc and nothing else when the list is empty")
    func emptyList() throws {
        let domain = try #require(Domain("example.org"))
        let bare = Scrubber(rules: ScrubRules(ourDomain: domain, removedFields: ["*"])) { _ in [] }
        let header = HeaderSection(parsing: crlf("User-Agent: x\nBcc: y\n"))
        #expect(text(bare.scrub(header).bytes) == "User-Agent: x\r\n")
    }

    @Test(
        "turns Date to UTC and leaves a date alone that it can't read",
        arguments: [
            ("Date: Sun, 22 Nov 2026 09:37:42 +0200 (CEST)", "Date: Sun, 22 Nov 2026 07:37:42 +0000"),
            ("DATE:  Sun, 22 Nov 2026 07:37:42 +0000", "DATE:  Sun, 22 Nov 2026 07:37:42 +0000"),
            ("Resent-Date: 22 Nov 2026 07:37:42 -0500", "Resent-Date: Sun, 22 Nov 2026 12:37:42 +0000"),
            ("Date: yesterday", "Date: yesterday"),
        ]
    )
    func dates(input: String, expected: String) {
        #expect(scrub(input) == expected + "\r\n")
    }

    @Test(
        "hides identifiers that name a local host",
        arguments: [
            "1@laptop", "1@localhost", "1@x.localhost", "1@alices-mac.local", "1@nas.lan", "1@h.internal",
            "1@h.home.arpa",
            "1@localhost.localdomain", "1@[192.0.2.1]", "1@192.0.2.1", "1@[IPv6:2001:db8::1]", "1@2001:db8::1",
            "1@desk.example.org", "1@x.DESK.example.org", "1@pc.fritz.box", "1@laptop.", "1@", "a@b@laptop",
        ]
    )
    func localIdentifiers(identifier: String) {
        let result = scrub("Message-ID: <\(identifier)>")
        #expect(result.hasPrefix("Message-ID: <"))
        #expect(result.hasSuffix("@example.org>\r\n"))
        #expect(!result.contains(identifier))
    }

    @Test(
        "keeps identifiers that name none",
        arguments: [
            "1@example.org", "1@mail.example.com", "1@bücher.example", "no-right-side", "1@local.example",
            "1@notdesk.example.org",
        ]
    )
    func publicIdentifiers(identifier: String) {
        #expect(scrub("Message-ID: <\(identifier)>") == "Message-ID: <\(identifier)>\r\n")
    }

    @Test("maps an identifier alike wherever it stands, so that threads hold, and touches nothing else there")
    func threads() throws {
        let first = scrub("Message-ID: <1@laptop>")
        let hidden = try #require(first.split(separator: "<").last?.split(separator: ">").first)
        let references = scrub("References: <0@example.com>\n\t<1@laptop>   (note)\n <2@laptop>")
        #expect(references.hasPrefix("References: <0@example.com>\r\n\t<\(hidden)>   (note)\r\n <"))
        #expect(!references.contains("2@laptop"))
        #expect(scrub("In-Reply-To: <1@laptop>") == "In-Reply-To: <\(hidden)>\r\n")
        #expect(scrub("In-Reply-To: 1@laptop") == "In-Reply-To: \(hidden)\r\n")
        #expect(
            scrub("References: <1@laptop") == "References: <\(hidden)\r\n"
                || !scrub("References: <1@laptop").contains("laptop")
        )
    }

    @Test("redacts trace fields from behind us, keeps their number, and lets our own name stand")
    func traces() {
        let input = """
            Received: from [10.0.0.7] (helo=laptop) by mail.inside.lan
             with ESMTPSA for <bob@example.com>; Sun, 22 Nov 2026 09:37:42 +0200
            Received: by example.org with ESMTP id x; Sun, 22 Nov 2026 07:37:42 +0000
            Received: nonsense
            """
        #expect(
            scrub(input) == """
                Received: by redacted.invalid; Sun, 22 Nov 2026 07:37:42 +0000\r
                Received: by example.org; Sun, 22 Nov 2026 07:37:42 +0000\r
                Received: by redacted.invalid; Thu, 01 Jan 1970 00:00:00 +0000\r\n
                """
        )
    }

    @Test("every field that is removed by default belongs to a group that says why")
    func documented() {
        for group in ScrubRules.documented {
            #expect(!group.names.isEmpty && group.reason.hasSuffix("."))
        }
        let names = ScrubRules.defaultRemovedFields.map { $0.lowercased() }
        #expect(Set(names).count == names.count)
    }

    @Test("our own trace field names only us")
    func trace() throws {
        let host = try #require(Domain("mx.example.org"))
        let value = TraceField.received(by: host, with: "ESMTPSA", id: "ab\r\nX: 1", at: 1_795_333_062)
        #expect(value == "by mx.example.org with ESMTPSA id abX1;\r\n\tSun, 22 Nov 2026 07:37:42 +0000")
        #expect(
            MessageIdentifier.make(from: [0xFF, 0, 0x10], at: host)
                == "<74ab a@mx.example.org>".replacing(" ", with: "")
        )
    }
}
