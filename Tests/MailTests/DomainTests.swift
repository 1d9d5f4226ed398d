// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Domains")
struct DomainTests {
    @Test(
        "compare by lower-case A-labels",
        arguments: [
            ("example.org", "example.org"),
            ("EXAMPLE.Org.", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("münchen.de", "xn--mnchen-3ya.de"),
            ("straße.de", "xn--strae-oqa.de"),
            ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
            ("موقع.وزارة-الاتصالات.مصر", "xn--4gbrim.xn----ymcbaaajlc6dj7bxne2c.xn--wgbh1c"),
            ("localhost", "localhost"),
            ("3com.com", "3com.com"),
            ("xn--p1ai", "xn--p1ai"),
        ]
    )
    func keys(text: String, key: String) throws {
        let domain = try #require(Domain(text))
        #expect(domain.key == key)
        #expect(Domain(key) == domain)
    }

    @Test("keep their spelling on the wire, without a trailing dot")
    func wire() throws {
        let domain = try #require(Domain("Bücher.Example."))
        #expect(domain.wire == "Bücher.Example")
        #expect(!domain.isASCII)
        #expect(try #require(Domain("Example.ORG.")).wire == "Example.ORG")
    }

    @Test(
        "refuse what is no domain",
        arguments: [
            "", ".", "..", "a..b", ".a", "a..", "-a.org", "a-.org", "a_b.org", "a b.org", "a\u{0}b.org", "a\r\n.org",
            "[192.0.2.1]", "[IPv6:2001:db8::1]", "192.0.2.1", "127.1", "0x7f000001", "1", "a@b", "a/b",
            "exam\u{3002}ple",
            "ｅｘａｍｐｌｅ.org", "a\u{200D}b.org", "a\u{202E}b.org", "xn--é.org", "\u{308}a.org", "a\u{AD}é.org", "é!.org",
            String(repeating: "a", count: 64) + ".org", String(repeating: "é", count: 64) + ".org",
            String(repeating: "abcdefg.", count: 32) + "org", String(repeating: "é", count: 3000),
        ]
    )
    func refused(text: String) {
        #expect(Domain(text) == nil)
    }

    @Test("take labels of 63 octets")
    func longest() {
        #expect(Domain(String(repeating: "a", count: 63) + ".org") != nil)
    }
}
