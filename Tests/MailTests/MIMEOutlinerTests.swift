// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("MIME outlines")
struct MIMEOutlinerTests {
    @Test("tell what the body demands of a next hop, wherever pieces are cut", arguments: [1, 2, 7, 8, 9, 4096])
    func bodyFacts(slice: Int) {
        func outline(_ body: [UInt8]) -> MIMEOutline {
            TestMessage(crlf("Subject: x\n\n") + body).outline(slice: slice)
        }
        let line998 = [UInt8](repeating: 97, count: 998)
        let plain = outline(Array("hi\r\n".utf8) + line998 + [13, 10] + line998)
        #expect(!plain.has8BitBody && !plain.hasLineOver998 && !plain.hasNUL)
        #expect(outline(line998 + [97, 13, 10]).hasLineOver998)
        #expect(outline([97, 13, 10] + line998 + [97]).hasLineOver998)
        #expect(outline(Array("abcdefghijk\u{E9}".utf8)).has8BitBody)
        #expect(outline([97, 0, 97]).hasNUL)
        #expect(outline([97, 97, 97, 97, 97, 97, 0, 97, 97, 97]).hasNUL)
        #expect(!outline([]).has8BitBody)
    }

    @Test("tell a signed message from others")
    func signed() {
        func message(_ parameter: String) -> String {
            """
            Content-Type: multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature"; boundary=s

            --s
            Content-Type: multipart/mixed; boundary=m\(parameter)

            --m
            Content-Type: text/plain; hp="clear"

            text
            --m--

            --s
            Content-Type: application/pgp-signature; hp=clear

            x
            --s--
            """
        }
        let plain = TestMessage(lines: message("")).outline()
        #expect(plain.isSigned && !plain.signedPartProtectsHeader && !plain.isAmbiguous)
        #expect(TestMessage(lines: message("; hp=clear")).outline().signedPartProtectsHeader)
        #expect(TestMessage(lines: message(#"; protected-headers="v1""#)).outline(slice: 1).signedPartProtectsHeader)
        #expect(!TestMessage(lines: "Content-Type: text/plain\n\nhi").outline().isSigned)
        let inner = "Content-Type: multipart/mixed; boundary=o\n\n--o\n\(message(""))\n--o--"
        #expect(!TestMessage(lines: inner).outline().isSigned)
    }

    @Test("see a clearsigned text only when it is the whole")
    func clearsigned() {
        let signed = """
            -----BEGIN PGP SIGNED MESSAGE-----
            Hash: SHA256

            hello
            -----BEGIN PGP SIGNATURE-----

            abcd
            -----END PGP SIGNATURE-----
            """
        #expect(TestMessage(lines: "A: 1\n\n\(signed)\n\n").outline().isSigned)
        #expect(!TestMessage(lines: "A: 1\n\nhi\n\(signed)\n").outline().isSigned)
        #expect(!TestMessage(lines: "A: 1\n\n\(signed)\nfooter\n").outline().isSigned)
        #expect(TestMessage(lines: "A: 1\n\n\(signed)\n").outline().existingEncryption == .none)
        let long = signed.replacing("hello", with: String(repeating: "x", count: 5000))
        #expect(TestMessage(lines: "A: 1\n\n\(long)\n").outline(slice: 700).isSigned)
    }

    @Test("take boundaries that begin alike, and trailing blanks")
    func similarBoundaries() {
        let outline = TestMessage(
            lines: """
                Content-Type: multipart/mixed; boundary="p_1"

                --p_1
                Content-Type: multipart/alternative; boundary="p_12"

                --p_12 \t
                Content-Type: text/plain

                text
                --p_12--
                --p_1--
                """
        ).outline()
        #expect(!outline.isAmbiguous && !outline.isTruncated)
    }

    @Test("give up on structure beyond the limits instead of failing")
    func limits() {
        var deep = "Content-Type: multipart/mixed; boundary=b0\n\n"
        for level in 1...10_000 { deep += "--b\(level - 1)\nContent-Type: multipart/mixed; boundary=b\(level)\n\n" }
        let deepOutline = TestMessage(lines: deep).outline()
        #expect(deepOutline.isTruncated && deepOutline.existingEncryption == .none)

        let many = "Content-Type: multipart/mixed; boundary=b\n\n" + String(repeating: "--b\n\n", count: 10_001)
        #expect(TestMessage(lines: many).outline().isTruncated)
        let fewer = "Content-Type: multipart/mixed; boundary=b\n\n" + String(repeating: "--b\n\n", count: 10_000)
        #expect(!TestMessage(lines: fewer).outline().isTruncated)
    }

    @Test("take hostile bodies in linear time")
    func hostile() {
        // A hundred open boundaries that differ in their last letter only, and lines that nearly match all of them.
        var similar = "Content-Type: multipart/mixed; boundary=\(String(repeating: "a", count: 60))00\n\n"
        for level in 1..<99 {
            let tail = level < 10 ? "0\(level)" : "\(level)"
            let last = level - 1 < 10 ? "0\(level - 1)" : "\(level - 1)"
            similar += "--\(String(repeating: "a", count: 60))\(last)\nContent-Type: multipart/mixed; boundary="
            similar += "\(String(repeating: "a", count: 60))\(tail)\n\n"
        }
        similar += String(repeating: "--\(String(repeating: "a", count: 60))xx\n", count: 400)
        #expect(!TestMessage(lines: similar).outline().isTruncated)

        let longLine =
            crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n") + [UInt8](repeating: 45, count: 300_000)
        #expect(TestMessage(longLine).outline(slice: 1000).hasLineOver998)
        let longHeader =
            crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\nX: ") + [UInt8](repeating: 65, count: 300_000)
        #expect(TestMessage(longHeader).outline().isAmbiguous)
    }

    @Test(
        "read Content-Type as readers in the wild do",
        arguments: [
            ("multipart/mixed; boundary=b", "b", true), ("Multipart/Mixed; Boundary=\"b c\"", "b c", true),
            ("multipart/mixed; boundary=----=_Part_1", "----=_Part_1", true),
            ("multipart/mixed (hi) ; (x) boundary=b(y)", "b", true), ("multipart/mixed; boundary=b;", "b", false),
            ("multipart/mixed;; boundary=b", "b", true), ("multipart/mixed; boundary=\"b", "b", false),
            ("multipart/mixed; boundary=b (open", "b", false), ("multipart/mixed; boundary=b c", "b", false),
            ("multipart/mixed", nil, true), ("multipart/mixed; boundary*0=a; boundary*1=b", nil, true),
            ("multipart/mixed; boundary=", nil, true), ("multipart", nil, false), ("", nil, false), (";", nil, false),
            ("multipart/mixed; boundary=\"a\\\"b\"", "a\"b", true),
        ]
    )
    func contentType(value: String, boundary: String?, isExtensible: Bool) {
        let type = ContentType(of: HeaderSection(parsing: crlf("Content-Type: \(value)\n")))
        #expect(type.boundary.map { text($0) } == boundary)
        #expect(type.isExtensible == isExtensible)
    }
}
