// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Encryption that is there already")
struct EncryptionRecognitionTests {
    private static let armor = FakePGP.armor()

    /// A PGP/MIME message around any second part.
    private static func pgpMIME(
        _ second: String,
        first: String = "Version: 1",
        preamble: String = "",
        epilogue: String = "",
        extra: String = ""
    ) -> String {
        """
        Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"

        \(preamble)--b
        Content-Type: application/pgp-encrypted

        \(first)

        --b
        Content-Type: application/octet-stream; name="encrypted.asc"

        \(second)
        --b\(extra)--
        \(epilogue)
        """
    }

    private func existing(_ message: String, slice: Int = .max) -> MIMEOutline.Existing {
        TestMessage(lines: message).outline(slice: slice).existingEncryption
    }

    @Test("is PGP/MIME with session keys and then one piece of data, in any slicing", arguments: [1, 3, 64, 10_000])
    func pgpMIME(slice: Int) {
        for bytes in [
            FakePGP.message, FakePGP.partial, FakePGP.passwordKey + FakePGP.data(),
            FakePGP.sessionKey + FakePGP.message,
        ] {
            #expect(existing(Self.pgpMIME(FakePGP.armor(bytes)), slice: slice) == .openPGP)
        }
        let remark = "This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\n"
        #expect(existing(Self.pgpMIME(Self.armor, preamble: remark), slice: slice) == .openPGP)
    }

    @Test("is not what only calls itself so")
    func pretended() {
        let literal = FakePGP.packet(11, Array("b\u{0}\u{0}\u{0}\u{0}\u{0}clear".utf8))
        let truncated = Array(FakePGP.message.dropLast(10))
        let unprotected = FakePGP.sessionKey + FakePGP.packet(9, [UInt8](repeating: 9, count: 500))
        let partialKey: [UInt8] = [0xC1, 0xE9] + [UInt8](repeating: 3, count: 512) + [0]
        let emptyData = FakePGP.sessionKey + FakePGP.packet(18, [1])
        let unknownVersion = FakePGP.sessionKey + FakePGP.packet(18, [7] + [UInt8](repeating: 0, count: 90))
        for bytes in [
            literal, FakePGP.data(), FakePGP.sessionKey, truncated, FakePGP.message + literal,
            FakePGP.message + FakePGP.message,
            unprotected, partialKey + FakePGP.data(), emptyData, unknownVersion, Array("hello world".utf8),
            FakePGP.sessionKey + literal + FakePGP.data(), [],
        ] {
            #expect(existing(Self.pgpMIME(FakePGP.armor(bytes))) == .none)
        }
        #expect(existing(Self.pgpMIME("garbage")) == .none)
        #expect(existing(Self.pgpMIME("")) == .none)
    }

    @Test("knows all forms of length, old and new")
    func lengths() {
        let key = [UInt8](arrayLiteral: 3) + [UInt8](repeating: 1, count: 99)
        let oldOne = [0x84, 100] + key
        let oldTwo = [0x85, 0, 100] + key
        let oldFour = [0x86, 0, 0, 0, 100] + key
        let newFive: [UInt8] = [0xC1, 255, 0, 0, 0, 100] + key
        let marker: [UInt8] = [0xCA, 3] + Array("PGP".utf8)
        let aead = FakePGP.packet(20, [1] + [UInt8](repeating: 0, count: 99))
        let large = FakePGP.packet(18, [2] + [UInt8](repeating: 0, count: 9000))
        for head in [oldOne, oldTwo, oldFour, newFive, marker + oldOne] {
            #expect(existing(Self.pgpMIME(FakePGP.armor(head + FakePGP.data()))) == .openPGP)
            #expect(existing(Self.pgpMIME(FakePGP.armor(head + aead))) == .openPGP)
            #expect(existing(Self.pgpMIME(FakePGP.armor(head + large))) == .openPGP)
        }
        // The old form "to the end".
        #expect(existing(Self.pgpMIME(FakePGP.armor([0x87] + key + FakePGP.data()))) == .none)
    }

    @Test("is partly there when something readable stands beside it")
    func partly() {
        let footer = "_____\nlist mailing list\n"
        #expect(existing(Self.pgpMIME(Self.armor, epilogue: footer)) == .mixedOnlyPartly)
        #expect(existing(Self.pgpMIME(Self.armor, first: "Version: 1\nthe plan is this")) == .mixedOnlyPartly)
        #expect(
            existing(Self.pgpMIME(Self.armor, preamble: String(repeating: "plan\n", count: 90))) == .mixedOnlyPartly
        )
        #expect(existing(Self.pgpMIME(Self.armor, extra: "\n\nclear\n--b")) == .mixedOnlyPartly)
        #expect(existing(Self.pgpMIME(Self.armor, extra: "\nno header line\n--b")) == .mixedOnlyPartly)
        #expect(existing(Self.pgpMIME(Self.armor, extra: "x\n\nclear\n--b")) == .mixedOnlyPartly)
        let html = "\n\n<pre>\(Self.armor)</pre>\n--b"
        #expect(existing(Self.pgpMIME(Self.armor, extra: html)) == .mixedOnlyPartly)
        #expect(
            existing(
                Self.pgpMIME(Self.armor, extra: "\nContent-Type: message/rfc822\n\nSubject: x\n\n\(Self.armor)\n--b")
            ) == .mixedOnlyPartly
        )
    }

    @Test("is inline armor only when it is the whole text part")
    func inline() {
        #expect(existing("Subject: x\n\n\(Self.armor)") == .openPGP)
        #expect(
            existing("Subject: x\n\n\n  \n\(FakePGP.armor(headers: "Version: X 1\r\nComment: y\r\n"))\n\n") == .openPGP
        )
        #expect(existing("Content-Type: text/plain\n\n\(Self.armor)", slice: 1) == .openPGP)
        for text in [
            "See:\n\(Self.armor)", "\(Self.armor)\n-- \nAlice",
            "> \(Self.armor.split(separator: "\r\n").joined(separator: "\n> "))",
            "-----BEGIN PGP MESSAGE-----\n\nhello\n-----END PGP MESSAGE-----", "-----BEGIN PGP MESSAGE-----",
            String(Self.armor.dropLast(30)), Self.armor + Self.armor, "\u{FEFF}" + Self.armor,
            Self.armor.replacing("BEGIN PGP", with: "BEGIN  PGP"),
            Self.armor.replacing("\r\n\r\n", with: "\r\nplain words\r\n\r\n"),
            Self.armor.replacing("=abcd\r\n", with: "=abcd\r\nAAAA\r\n"),
            Self.armor.replacing("=abcd\r\n", with: "(clear)\r\n"),
        ] {
            #expect(existing("Subject: x\n\n\(text)") == .none, "\(text.prefix(60))")
        }
    }

    @Test("is seen through the transfer encoding")
    func transferEncodings() {
        let quoted = Self.armor.replacing("=", with: "=3D")
        #expect(existing("Content-Transfer-Encoding: quoted-printable\n\n\(quoted)") == .openPGP)
        let soft = quoted.replacing("BEGIN PGP", with: "BEGIN=\r\n PGP")
        #expect(existing("Content-Transfer-Encoding: Quoted-Printable\n\n\(soft)") == .openPGP)
        let inBase64 = base64(Array(Self.armor.utf8))
        #expect(existing("Content-Transfer-Encoding: BASE64\n\n\(inBase64)", slice: 5) == .openPGP)
        let file = "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
        #expect(existing(file + base64(FakePGP.message)) == .openPGP)
        #expect(existing(file + base64(FakePGP.message) + "footer in clear\n") == .none)
        #expect(existing("Content-Transfer-Encoding: x-uuencode\n\n\(Self.armor)") == .none)
        #expect(
            existing("Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n\(Self.armor)") == .none
        )
    }

    @Test("is seen when Exchange has taken PGP/MIME apart, and not when a text was added")
    func exchange() {
        func message(_ text: String) -> String {
            """
            Content-Type: multipart/mixed; boundary="x"

            --x
            Content-Type: text/plain

            \(text)
            --x
            Content-Type: application/pgp-encrypted

            Version: 1
            --x
            Content-Type: application/octet-stream

            \(Self.armor)
            --x--
            """
        }
        #expect(existing(message("\n")) == .openPGP)
        #expect(existing(message("hello")) == .mixedOnlyPartly)
    }

    @Test("is S/MIME by the content type in the CMS, not by the label")
    func smime() {
        func cms(_ identifier: [UInt8], indefinite: Bool = false) -> [UInt8] {
            let inner =
                [6, UInt8(identifier.count)] + identifier + [0xA0, 0x82, 0x01, 0x00] + [UInt8](repeating: 1, count: 256)
            return indefinite
                ? [0x30, 0x80] + inner + [0, 0]
                : [0x30, 0x82, UInt8(inner.count >> 8), UInt8(inner.count & 0xFF)] + inner
        }
        let prefix: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1]
        let enveloped = cms(prefix + [7, 3])
        let head =
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\nContent-Transfer-Encoding: base64\n\n"
        #expect(existing(head + base64(enveloped)) == .smime)
        #expect(existing(head + base64(enveloped), slice: 1) == .smime)
        #expect(existing(head + base64(cms(prefix + [7, 3], indefinite: true))) == .smime)
        #expect(existing(head + base64(cms(prefix + [9, 16, 1, 23]))) == .smime)
        #expect(existing(head + base64(cms(prefix + [9, 16, 1, 9]))) == .none)
        #expect(existing(head + base64(enveloped + Array("clear".utf8))) == .none)
        #expect(existing(head + base64(Array(enveloped.dropLast()))) == .none)
        #expect(existing(head + base64([0x30, 0xFF, 0xFF, 0xFF])) == .none)
        let signed = TestMessage(lines: head + base64(cms(prefix + [7, 2]))).outline()
        #expect(signed.existingEncryption == .none)
        #expect(signed.isSigned)
        let raw = TestMessage(
            crlf("Content-Type: application/x-pkcs7-mime\nContent-Transfer-Encoding: binary\n\n") + enveloped
        )
        #expect(raw.outline().existingEncryption == .smime)
    }

    @Test("is nothing when the structure can be read in two ways")
    func ambiguous() {
        let message = Self.pgpMIME(Self.armor)
        let twice = message.replacing("boundary=\"b\"", with: "boundary=\"b\"; boundary=\"c\"")
        #expect(existing(twice) == .none)
        #expect(existing("Content-Type: text/plain\n" + message) == .none)
        #expect(existing(message.replacing("--b--", with: "--b trailing\n\n\(Self.armor)\n--b--")) == .mixedOnlyPartly)
        #expect(existing(message.replacing("boundary=\"b\"", with: "boundary=\"b")) == .none)
        #expect(existing("Content-Transfer-Encoding: base64\n" + message) == .none)
    }
}
