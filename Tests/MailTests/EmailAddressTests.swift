// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Addresses")
struct EmailAddressTests {
    @Test(
        "are read and written back quoted where needed",
        arguments: [
            ("alice@example.org", "alice", "alice@example.org"),
            ("Alice+tag@Example.Org.", "Alice+tag", "Alice+tag@Example.Org"),
            (#""a@evil"@good.example"#, "a@evil", #""a@evil"@good.example"#),
            (#""plain"@example.org"#, "plain", "plain@example.org"),
            (#""a b"@example.org"#, "a b", #""a b"@example.org"#),
            (#""a\"b\\c"@example.org"#, #"a"b\c"#, #""a\"b\\c"@example.org"#),
            (#""a..b"@example.org"#, "a..b", #""a..b"@example.org"#),
            (#""\a"@example.org"#, "a", "a@example.org"),
            (#""<>"@example.org"#, "<>", #""<>"@example.org"#),
            ("a%b@ours.example", "a%b", "a%b@ours.example"),
            ("b!a@ours.example", "b!a", "b!a@ours.example"),
            ("用户@例え.テスト", "用户", "用户@例え.テスト"),
            ("o'neil/x=y@example.org", "o'neil/x=y", "o'neil/x=y@example.org"),
        ]
    )
    func reading(input: String, local: String, wire: String) throws {
        let address = try #require(EmailAddress(input))
        #expect(address.localPart == local)
        #expect(address.wire == wire)
        #expect(EmailAddress(wire) == address)
    }

    @Test(
        "refuse what is no mailbox",
        arguments: [
            "", "alice", "@example.org", "alice@", "alice@[192.0.2.1]", "alice@[IPv6:2001:db8::1]", "a@b@c.example",
            "<alice@example.org>", "Alice <alice@example.org>", "alice@example.org ", " alice@example.org",
            "a b@example.org", ".a@example.org", "a.@example.org", "a..b@example.org", "a(c)@example.org",
            "alice@exam\r\nple.org", "ali\r\nce@example.org", "alice\u{0}@example.org", "\"a\r\nb\"@example.org",
            "\"a\u{0}b\"@example.org", "\"a\"b@example.org", "\"a@example.org", "\"\"@example.org",
            "\"a\\\"@example.org",
            "\"a\u{85}b\"@example.org", "a\u{7F}@example.org", "@a,@b:c@example.org", "a,b@example.org",
            String(repeating: "a", count: 65) + "@example.org", String(repeating: "é", count: 33) + "@example.org",
            String(repeating: "a", count: 100_000) + "@example.org",
        ]
    )
    func refused(input: String) {
        #expect(EmailAddress(input) == nil)
    }

    @Test("take local parts of 64 octets")
    func longest() {
        #expect(EmailAddress(String(repeating: "a", count: 64) + "@example.org") != nil)
    }

    @Test("are equal whatever the case, the normalization form or the form of the domain")
    func equality() throws {
        let one = try #require(EmailAddress("JOS\u{C9}@Bücher.example"))
        let other = try #require(EmailAddress("jose\u{301}@xn--bcher-kva.EXAMPLE"))
        #expect(one == other)
        #expect(Set([one, other]).count == 1)
        #expect(Array(one.lookupKey.utf8) == Array(other.lookupKey.utf8))
        #expect(one.wire == "JOS\u{C9}@Bücher.example")
        #expect(try #require(EmailAddress("alice@example.org")) != other)
    }

    @Test("lose a tag only when something stands before it")
    func tags() throws {
        let tagged = try #require(EmailAddress("alice+news+x@example.org"))
        #expect(tagged.withoutTag("+")?.wire == "alice@example.org")
        #expect(tagged.withoutTag("-") == nil)
        #expect(try #require(EmailAddress("+x@example.org")).withoutTag("+") == nil)
    }

    @Test("show nothing of themselves when printed")
    func printing() throws {
        let address = try #require(EmailAddress("secret@example.org"))
        var dumped = ""
        dump(address, to: &dumped)
        dump(ReversePath.address(address), to: &dumped)
        for shown in [
            String(describing: address), String(reflecting: [address]),
            String(describing: ReversePath.address(address)), dumped,
        ] {
            #expect(!shown.contains("secret"))
            #expect(!shown.contains("example"))
        }
    }

    @Test("a null path has no address and nothing between its brackets")
    func nullPath() throws {
        #expect(ReversePath.null.wire.isEmpty)
        #expect(ReversePath.null.address == nil)
        #expect(ReversePath.address(try #require(EmailAddress("a@b.example"))).wire == "a@b.example")
    }
}
