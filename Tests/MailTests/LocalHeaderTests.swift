// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Headers from programs of this machine")
struct LocalHeaderTests {
    private static func domain(_ text: String) throws -> Domain { try #require(Domain(text)) }

    private static func completed(_ header: String, fullName: String? = nil) throws -> String {
        let own = try #require(EmailAddress("web@example.org"))
        let completed = LocalHeader(domain: try domain("example.org")).completed(
            HeaderSection(parsing: Array(header.utf8)),
            sender: own,
            maySend: { $0 == own },
            fullName: fullName
        )
        return String(decoding: completed.bytes, as: UTF8.self)
    }

    @Test(
        "names without a domain get one, and nothing else changes",
        arguments: [
            ("To: root\r\n", "To: root@example.org\r\n"),
            ("To: root, alice@x.test,\r\n bob\r\n", "To: root@example.org, alice@x.test,\r\n bob@example.org\r\n"),
            ("Cc: Full Name <carol>\r\n", "Cc: Full Name <carol@example.org>\r\n"),
            ("Cc: \"a, b\" <carol> (note)\r\n", "Cc: \"a, b\" <carol@example.org> (note)\r\n"),
            ("To: dave (The, Man)\r\n", "To: dave@example.org (The, Man)\r\n"),
            ("To: first.last\r\n", "To: first.last@example.org\r\n"),
            ("To: friends: a, <b>, c@x.test;\r\n", "To: friends: a@example.org, <b@example.org>, c@x.test;\r\n"),
            ("To: undisclosed-recipients:;\r\n", "To: undisclosed-recipients:;\r\n"),
            ("To: Full Name\r\n", "To: Full Name\r\n"), ("To: <>\r\n", "To: <>\r\n"), ("To: ,,\r\n", "To: ,,\r\n"),
            ("To: <@a,@b:c@d>\r\n", "To: <@a,@b:c@d>\r\n"), ("To: (open\r\n", "To: (open\r\n"),
            ("To: a@[192.0.2.1]\r\n", "To: a@[192.0.2.1]\r\n"),
            ("Reply-To: help\r\n", "Reply-To: help@example.org\r\n"),
            ("Subject: root\r\n", "Subject: root\r\n"),
        ]
    )
    func qualifies(_ header: String, _ expected: String) throws {
        #expect(try Self.completed("From: web@example.org\r\n" + header) == "From: web@example.org\r\n" + expected)
    }

    @Test(
        "a sender field that names another user without a domain gets the caller's address",
        arguments: [
            ("From: root (Cron Daemon)\r\n", "From: web@example.org (Cron Daemon)\r\n"),
            ("From: web\r\n", "From: web@example.org\r\n"),
            ("From: \"Boss\" <ceo>\r\n", "From: \"Boss\" <web@example.org>\r\n"),
            ("From: ceo@example.org\r\n", "From: ceo@example.org\r\n"),
        ]
    )
    func senders(_ header: String, _ expected: String) throws {
        #expect(try Self.completed(header) == expected)
    }

    @Test("a From that is missing is made, and a mbox line dropped")
    func missingFrom() throws {
        #expect(
            try Self.completed("From alice Sun Nov 22\r\nTo: a@x.test\r\n")
                == "To: a@x.test\r\nFrom: web@example.org\r\n"
        )
        #expect(
            try Self.completed("", fullName: "A \"B\" \\\r\nC: d")
                == "From: \"A \\\"B\\\" \\\\C: d\" <web@example.org>\r\n"
        )
    }

    @Test("a full name beyond ASCII goes in encoded words, none too long and no letter cut")
    func encodedName() throws {
        #expect(
            try Self.completed("", fullName: "J\u{f6}rg W") == "From: =?utf-8?Q?J=C3=B6rg=20W?= <web@example.org>\r\n"
        )
        let long = try Self.completed("", fullName: String(repeating: "\u{20ac}", count: 40))
        let words = long.split(separator: " ").filter { $0.hasPrefix("=?") }.map { $0.prefix { $0 != "\r\n" } }
        #expect(words.count == 7 && words.allSatisfy { $0.utf8.count <= 75 && $0.utf8.count % 9 == 3 })
    }

    @Test(
        "recipients come from To, Cc and Bcc, or from where it was sent again to",
        arguments: [
            ("To: a@x.test\r\nCc: b, a@x.test\r\nBcc: c@x.test\r\n", ["a@x.test", "b@example.org", "c@x.test"]),
            ("To: a@x.test\r\nResent-To: b@x.test\r\nResent-Bcc: c\r\n", ["b@x.test", "c@example.org"]),
            ("Subject: none\r\n", []),
        ]
    )
    func recipients(_ header: String, _ expected: [String]) throws {
        let local = LocalHeader(domain: try Self.domain("example.org"))
        #expect(local.recipients(in: HeaderSection(parsing: Array(header.utf8))).map(\.wire) == expected)
    }

    @Test("any bytes come out whole, or with a domain more")
    func total() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("ab@<>,;:()\"\\. \r\n[]\u{e9}".utf8)
        for _ in 0..<2000 {
            let value = (0..<Int.random(in: 0..<24)).compactMap { _ in alphabet.randomElement(using: &generator) }
            #expect(UnqualifiedNames.completed(value) { $0 } == value)
        }
    }

    @Test(
        "the header ends at an empty line or before a line that is no field",
        arguments: [
            ("A: b\r\n\r\ntext\r\n", "A: b\r\n", "text\r\n"), ("no header\r\nA: b\r\n", "", "no header\r\nA: b\r\n"),
            ("\r\ntext\r\n", "", "text\r\n"), ("From x y\r\nA: b\r\n c\r\n\r\n", "From x y\r\nA: b\r\n c\r\n", ""),
            ("A: b\r\ntext\r\n", "A: b\r\n", "text\r\n"), (" folded\r\n", "", " folded\r\n"),
            ("A: b\r\n", "A: b\r\n", ""),
            ("", "", ""),
        ]
    )
    func splits(_ message: String, _ header: String, _ body: String) {
        let bytes = Array(message.utf8)
        for size in 1...5 {
            var splitter = LocalHeaderSplitter()
            var rest: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                rest += splitter.consume(bytes[start..<min(bytes.count, start + size)])
            }
            rest += splitter.finish()
            #expect(String(decoding: splitter.header, as: UTF8.self) == header)
            #expect(String(decoding: rest, as: UTF8.self) == body)
        }
    }
}

@Suite("Patterns of addresses")
struct AddressPatternTests {
    @Test(
        "an address with any tag, or all of a domain",
        arguments: [
            ("web@example.org", "web@example.org", true), ("web@example.org", "WEB+tag@example.org", true),
            ("web@example.org", "ceo@example.org", false), ("web@example.org", "web@sub.example.org", false),
            ("*@example.org", "anybody@EXAMPLE.org", true), ("*@example.org", "a@sub.example.org", false),
        ]
    )
    func matching(_ pattern: String, _ address: String, _ expected: Bool) throws {
        let pattern = try #require(AddressPattern(pattern))
        let address = try #require(EmailAddress(address))
        #expect(pattern.matches(address, tagSeparator: "+") == expected)
    }

    @Test(
        "nothing wider than a domain is a pattern",
        arguments: ["*", "*@*", "*@", "web", "@example.org", "w*@example.org@x", ""]
    )
    func refused(_ text: String) { #expect(AddressPattern(text) == nil) }
}
