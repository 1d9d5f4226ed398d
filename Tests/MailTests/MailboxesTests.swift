// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Address lists")
struct MailboxesTests {
    @Test(
        "give every address that a reader would answer to, and no other",
        arguments: [
            ("alice@example.org", ["alice@example.org"]),
            ("Alice <alice@example.org>, Bob <bob@example.org>", ["alice@example.org", "bob@example.org"]),
            (#""Doe, Jane" <jane@example.org>"#, ["jane@example.org"]),
            (#""a@evil"@good.example"#, [#""a@evil"@good.example"#]),
            (#""boss@bank.example" <eve@evil.example>"#, ["eve@evil.example"]),
            ("boss@bank.example <eve@evil.example>", ["eve@evil.example"]),
            ("=?utf-8?q?J=C3=B6rg_=3Cx=40y.example=3E?= <joerg@example.org>", ["joerg@example.org"]),
            ("Jörg <jörg@bücher.example>", ["jörg@bücher.example"]),
            ("friends: a@x.example, B <b@y.example>; c@z.example", ["a@x.example", "b@y.example", "c@z.example"]),
            ("undisclosed-recipients:;", []),
            ("alice (the (nested) one) @ (here) example (dot) . org", ["alice@example.org"]),
            ("(unclosed alice@example.org", []),
            ("<@relay.example,@b.example:alice@example.org>", ["alice@example.org"]),
            ("alice . smith @ example . org", ["alice.smith@example.org"]),
            ("a..b@docomo.example", [#""a..b"@docomo.example"#]),
            ("John Doe john@example.org", ["john@example.org"]),
            ("alice@[192.0.2.1], bob@example.org", ["bob@example.org"]),
            ("alice@[IPv6:2001:db8::1]", []),
            ("a@b@c.example", []),
            ("<a@x.example> <b@y.example>", ["a@x.example", "b@y.example"]),
            ("<a@x.example", ["a@x.example"]),
            ("<a@x.example, b@y.example>", ["a@x.example", "b@y.example"]),
            ("\"open alice@example.org", []),
            ("alice@example.org.", ["alice@example.org"]),
            ("alice\u{0}@example.org, bob@example.org", ["bob@example.org"]),
            ("alice@exam\r\nple.org", []),
            (",,; ,", []),
            ("<>", []),
            ("<<a@x.example>>", ["a@x.example"]),
            ("MAILER-DAEMON", []),
            (String(repeating: "a", count: 65) + "@example.org, b@y.example", ["b@y.example"]),
        ]
    )
    func lists(field: String, expected: [String]) {
        #expect(Mailboxes.parse(Array(field.utf8)).map(\.wire) == expected)
    }

    @Test("take Latin-1 in display names, never in addresses")
    func latin1() {
        let name: [UInt8] = Array("J".utf8) + [0xF6] + Array("rg <j@example.org>".utf8)
        #expect(Mailboxes.parse(name).map(\.wire) == ["j@example.org"])
        #expect(Mailboxes.parse([0xF6] + Array("@example.org".utf8)).isEmpty)
    }

    @Test("are read in linear time however deep and long they are")
    func hostile() {
        let deep = [UInt8](repeating: 40, count: 200_000) + Array("a@x.example".utf8)
        #expect(Mailboxes.parse(deep).isEmpty)
        let many = Array(String(repeating: "a@x.example,", count: 5_000).utf8)
        #expect(Mailboxes.parse(many).count == 5_000)
        let angles = [UInt8](repeating: 60, count: 200_000) + Array("a@x.example>".utf8)
        #expect(Mailboxes.parse(angles).count == 1)
        #expect(Mailboxes.parse([UInt8](repeating: 64, count: 200_000)).isEmpty)
    }
}
