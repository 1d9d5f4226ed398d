// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("PGP/MIME layout")
struct PGPMIMETests {
    private func layout(
        _ message: TestMessage,
        protect: Bool = true,
        wrapSigned: Bool = false,
        label: Bool = false
    ) -> ProtectedLayout {
        PGPMIME.layout(
            header: message.header,
            outline: message.outline(),
            options: ProtectionOptions(headerProtection: protect, wrapSigned: wrapSigned, gatewayLabel: label),
            boundary: "OUTER",
            innerBoundary: "INNER"
        )
    }

    private static let plain = """
        Received: by x; Sun, 22 Nov 2026 07:37:42 +0000
        DKIM-Signature: v=1
        From: Alice <alice@example.org>
        To: bob@example.com
        Subject: The plan
         is secret
        Keywords: plan
        Thread-Topic: The plan is secret
        Date: Sun, 22 Nov 2026 07:37:42 +0000
        MIME-Version: 1.0
        Content-Type: text/plain;
         charset=utf-8
        Content-Transfer-Encoding: 8bit
        HP-Outer: Subject: spoofed
        Postern-Protection: spoofed

        body
        """

    private static let tail = """
        \r
        --OUTER\r
        Content-Type: application/pgp-encrypted\r
        Content-Description: PGP/MIME version identification\r
        \r
        Version: 1\r
        \r
        --OUTER\r
        Content-Type: application/octet-stream; name="encrypted.asc"\r
        Content-Description: OpenPGP encrypted message\r
        Content-Disposition: inline; filename="encrypted.asc"\r
        \r\n
        """

    @Test("puts the header inside with its outer form beside it, and a dummy Subject outside")
    func headerProtection() {
        let layout = layout(TestMessage(lines: Self.plain), label: true)
        #expect(
            text(layout.plaintextPrefix) == """
                From: Alice <alice@example.org>\r
                To: bob@example.com\r
                Subject: The plan\r
                 is secret\r
                Keywords: plan\r
                Thread-Topic: The plan is secret\r
                Date: Sun, 22 Nov 2026 07:37:42 +0000\r
                Content-Type: text/plain;\r
                 charset=utf-8;\r
                \thp="cipher"; protected-headers="v1"\r
                Content-Transfer-Encoding: 8bit\r
                HP-Outer: From: Alice <alice@example.org>\r
                HP-Outer: To: bob@example.com\r
                HP-Outer: Subject: [...]\r
                HP-Outer: Date: Sun, 22 Nov 2026 07:37:42 +0000\r
                Postern-Protection: gateway\r
                \r\n
                """
        )
        #expect(layout.plaintextSuffix.isEmpty)
        #expect(
            text(layout.outerPrefix) == """
                Received: by x; Sun, 22 Nov 2026 07:37:42 +0000\r
                DKIM-Signature: v=1\r
                From: Alice <alice@example.org>\r
                To: bob@example.com\r
                Subject: [...]\r
                Date: Sun, 22 Nov 2026 07:37:42 +0000\r
                HP-Outer: Subject: spoofed\r
                Postern-Protection: spoofed\r
                MIME-Version: 1.0\r
                Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r
                \tboundary="OUTER"\r\n
                """ + Self.tail
        )
        #expect(text(layout.outerSuffix) == "\r\n--OUTER--\r\n")
        #expect(text(layout.outerHeader.first("Subject")?.value ?? []) == "[...]")
    }

    @Test("without header protection keeps the header outside and only the Content fields inside")
    func bare() {
        let layout = layout(TestMessage(lines: Self.plain), protect: false)
        #expect(
            text(layout.plaintextPrefix) == """
                Content-Type: text/plain;\r
                 charset=utf-8\r
                Content-Transfer-Encoding: 8bit\r
                \r\n
                """
        )
        let expected = "Subject: The plan\r\n is secret\r\nKeywords: plan\r\nThread-Topic: The plan"
        #expect(text(layout.outerPrefix).contains(expected))
    }

    @Test("gives a message without Content-Type one that claims no character set")
    func noContentType() {
        let layout = layout(TestMessage(lines: "From: a@b.example\n\nbody"))
        #expect(
            text(layout.plaintextPrefix)
                == "From: a@b.example\r\nContent-Type: text/plain; hp=\"cipher\"; protected-headers=\"v1\"\r\n"
                + "HP-Outer: From: a@b.example\r\n\r\n"
        )
        #expect(text(self.layout(TestMessage(lines: "From: a\n\nbody"), protect: false).plaintextPrefix) == "\r\n")
    }

    @Test(
        "wraps what nothing can be added to safely",
        arguments: [
            "Content-Type: text/plain;", "Content-Type: text/plain; x=\"open", "Content-Type: text/plain (open",
            "Content-Type: text/plain\nContent-Type: text/html", "Content-Type: text", "Content-Type:",
            "Content-Type: text/plain; hp=clear", "Content-Type: text/plain; protected-headers=v1",
            "Content-Type: multipart/encrypted; boundary=x", "Content-Type: application/pkcs7-mime",
        ]
    )
    func wrapped(field: String) {
        let message = TestMessage(lines: "From: a@b.example\nSubject: s\n\(field)\n\nbody")
        let layout = layout(message)
        let wire = text(crlf(field))
        #expect(
            text(layout.plaintextPrefix) == """
                From: a@b.example\r
                Subject: s\r
                Content-Type: multipart/mixed; boundary="INNER";\r
                \thp="cipher"; protected-headers="v1"\r
                HP-Outer: From: a@b.example\r
                HP-Outer: Subject: [...]\r
                \r
                --INNER\r
                \(wire)\r
                \r\n
                """
        )
        #expect(text(layout.plaintextSuffix) == "\r\n--INNER--\r\n")
    }

    @Test("adds nothing to a signed part: its Subject is hidden only when the part holds it, or when it is wrapped")
    func signed() {
        func message(_ parameter: String) -> TestMessage {
            TestMessage(
                lines: """
                    From: a@b.example
                    Subject: s
                    Content-Type: multipart/signed; boundary=x

                    --x
                    Content-Type: text/plain\(parameter)

                    text
                    --x--
                    """
            )
        }
        let unprotected = layout(message(""))
        #expect(text(unprotected.plaintextPrefix) == "Content-Type: multipart/signed; boundary=x\r\n\r\n")
        #expect(text(unprotected.outerPrefix).contains("Subject: s\r\n"))

        let protected = layout(message("; hp=clear"))
        #expect(
            text(protected.plaintextPrefix)
                == "From: a@b.example\r\nSubject: s\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n"
        )
        #expect(text(protected.outerPrefix).contains("Subject: [...]\r\n"))

        let wrapped = layout(message(""), wrapSigned: true)
        #expect(text(wrapped.plaintextPrefix).contains("multipart/mixed; boundary=\"INNER\";\r\n\thp=\"cipher\""))
        #expect(
            text(wrapped.plaintextPrefix).hasSuffix(
                "\r\n\r\n--INNER\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n"
            )
        )
        #expect(text(wrapped.outerPrefix).contains("Subject: [...]\r\n"))
    }

    @Test("keeps odd lines outside, behind what makes the message readable")
    func oddLines() {
        let message = TestMessage(lines: "From x y\nFrom: a@b.example\ngarbage\n more\nSubject: s\n\nbody")
        let layout = layout(message)
        #expect(!text(layout.plaintextPrefix).contains("garbage") && !text(layout.plaintextPrefix).contains("From x"))
        let outside = text(layout.outerPrefix)
        #expect(
            outside.hasPrefix(
                "From x y\r\nFrom: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted;"
            )
        )
        #expect(outside.contains("\tboundary=\"OUTER\"\r\ngarbage\r\n more\r\nSubject: [...]\r\n\r\n--OUTER\r\n"))
        let first = self.layout(TestMessage(lines: "garbage\nFrom: a@b.example\n\nbody"))
        #expect(text(first.outerPrefix).hasPrefix("MIME-Version: 1.0\r\n"))
    }

    @Test("ends a header that was cut off with CRLF, and hides a second Subject too")
    func cutHeader() {
        let message = TestMessage(Array("Subject: a\r\nSubject: b\r\nX: end".utf8))
        let layout = layout(message)
        #expect(text(layout.plaintextPrefix).hasPrefix("Subject: a\r\nSubject: b\r\nX: end\r\nContent-Type:"))
        #expect(text(layout.outerPrefix).hasPrefix("Subject: [...]\r\nX: end\r\nMIME-Version"))
    }

    @Test("the outer message parses as multipart/encrypted and counts as encrypted again")
    func recognized() {
        let layout = layout(TestMessage(lines: Self.plain))
        let message = TestMessage(layout.outerPrefix + Array(FakePGP.armor().utf8) + layout.outerSuffix)
        #expect(message.header.fields("MIME-Version").count == 1)
        #expect(message.header.fields("Content-Type").count == 1)
        #expect(message.outline().existingEncryption == .openPGP)
    }

    @Test("boundaries can't break out of their quotes")
    func boundaries() {
        let layout = PGPMIME.layout(
            header: HeaderSection(parsing: []),
            outline: MIMEOutline(),
            options: ProtectionOptions(),
            boundary: "a\"\r\nb",
            innerBoundary: "c"
        )
        #expect(text(layout.outerPrefix).contains("boundary=\"ab\"\r\n"))
    }

    @Test("body bytes of any kind stay as they are between prefix and suffix")
    func bodyBytes() async throws {
        var body: [UInt8] = Array(0...255) + [UInt8](repeating: 97, count: 5000) + [10, 13, 0]
        body += Array("\r\n.\r\n--INNERX".utf8)
        let layout = layout(TestMessage(crlf("Content-Type: text\n\n") + body))
        let source = layout.plaintext(of: MemorySource(body))
        let whole = try await source.readAll()
        #expect(whole == layout.plaintextPrefix + body + layout.plaintextSuffix)
    }
}

extension ByteSource {
    /// All bytes, for comparing.
    func readAll() async throws -> [UInt8] {
        var producer = SourceProducer(ConcatenatedSource([self]))
        var bytes: [UInt8] = []
        while let chunk = try await producer.next() { bytes += chunk }
        return bytes
    }
}
