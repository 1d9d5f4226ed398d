// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Mail

/// Broken variants of good inputs: no parser may trap, and what must hold for any bytes holds for these.
@Suite("Mutations")
struct MutationTests {
    private static let seeds: [[UInt8]] = [
        crlf(
            "From: \"A, B\" <a@b.example>, c@d.example (x)\nDate: Sun, 22 Nov 2026 07:37:42 +0100\nMessage-ID: <1@laptop>\n\nhi\n"
        ),
        crlf(
            """
            From x
            Subject: =?utf-8?q?x?=
             folded
            Received: from a by b; Sun, 22 Nov 2026 07:37:42 +0100
            References: <1@laptop> <2@example.org>
            Content-Type: multipart/mixed; boundary="x"; y*0=z

            --x
            Content-Type: multipart/signed; boundary=y

            --y
            Content-Type: text/plain; hp=clear
            Content-Transfer-Encoding: quoted-printable

            a=3Db=
            c
            --y
            Content-Type: application/pkcs7-mime
            Content-Transfer-Encoding: base64

            MIICBgkqhkiG9w0BBwOgggE=
            --y--
            --x--
            """
        ),
        crlf(
            "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\n\n"
        )
            + Array(FakePGP.armor(FakePGP.partial).utf8) + crlf("\n--b--\n"),
        crlf("Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n") + FakePGP.message,
    ]

    private static let splices: [[UInt8]] = [
        [13, 10], [10], [13], [0], [0xFF], Array("\"".utf8), Array("(".utf8), Array("<".utf8), Array(">".utf8),
        Array("@".utf8),
        Array(";".utf8), Array("=".utf8), Array("\\".utf8), Array("--x".utf8), Array("--".utf8), Array("\r\n\r\n".utf8),
        Array("\u{202E}é\u{308}".utf8), Array("99999999999999999999".utf8), [0xE0 | 31],
        [0xC0 | 18, 255, 255, 255, 255, 255],
        Array("Content-Type: multipart/mixed; boundary=x\r\n".utf8), Array("-----BEGIN PGP MESSAGE-----\r\n".utf8),
    ]

    private func mutated(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...8, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 1...40, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
            case 3: bytes.insert(contentsOf: Self.splices.randomElement(using: &generator) ?? [], at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }

    @Test("of messages break no parser, and lose no byte", arguments: 0..<4)
    func messages(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed) + 1)
        let domain = try #require(Domain("example.org"))
        let scrubber = Scrubber(rules: ScrubRules(ourDomain: domain)) { Array($0.prefix(16)) }
        for _ in Rounds(600, share: 0.25) {
            let bytes = mutated(Self.seeds[seed % Self.seeds.count], using: &generator)
            let message = TestMessage(bytes)
            #expect(message.header.bytes + (message.hasEmptyLine ? [13, 10] : []) + message.body == bytes)
            let outline = message.outline()
            let sliced = message.outline(slice: Int.random(in: 1...64, using: &generator))
            #expect(outline.existingEncryption == sliced.existingEncryption)
            #expect(outline.isAmbiguous == sliced.isAmbiguous && outline.hasNUL == sliced.hasNUL)
            let scrubbed = scrubber.scrub(message.header)
            #expect(scrubbed.fields("Received").count == message.header.fields("Received").count)
            let layout = PGPMIME.layout(
                header: scrubbed,
                outline: outline,
                options: ProtectionOptions(),
                boundary: "O",
                innerBoundary: "I"
            )
            let splitter = TestMessage(layout.plaintextPrefix + message.body)
            #expect(splitter.header.lines.allSatisfy { !$0.isOdd })
            for line in message.header.lines {
                for address in Mailboxes.parse(line.value) { try check(address) }
                _ = MessageDate(parsing: line.value)
            }
        }
    }

    @Test("of addresses and dates give nothing, or something safe on the wire")
    func words() throws {
        var generator = SeededGenerator(seed: 99)
        let seeds = [
            #""a\"b"@x.example"#, "a+b@bücher.example", "Sun, 22 Nov 2026 07:37:42 +0100 (x)", "xn--bcher-kva.example",
        ]
        for seed in seeds {
            for _ in Rounds(1000, share: 0.1) {
                let bytes = mutated(Array(seed.utf8), using: &generator)
                let text = String(decoding: bytes, as: UTF8.self)
                if let address = EmailAddress(text) { try check(address) }
                if let domain = Domain(text) { #expect(Domain(domain.key)?.key == domain.key) }
                if let date = MessageDate(parsing: bytes) {
                    let again = MessageDate(parsing: Array(MessageDate.format(date.secondsSince1970).utf8))
                    #expect(
                        again == date || date.secondsSince1970 < -2_208_988_800
                            || date.secondsSince1970 > 253_402_300_799
                    )
                }
            }
        }
    }

    /// What every address must keep to, wherever it came from.
    private func check(_ address: EmailAddress) throws {
        let wire = Array(address.wire.utf8)
        #expect(!wire.contains { $0 < 32 || $0 == 127 })
        #expect(wire.first == 34 || !wire.contains { $0 == 32 || $0 == 60 || $0 == 62 })
        #expect(try #require(EmailAddress(address.wire)) == address)
    }
}
