// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import TestSupport
import Testing

@Suite("Replies")
struct ReplyTests {
    @Test("basic and enhanced code come from one class")
    func codes() {
        #expect(String(decoding: Reply.noSuchMailbox.encoded, as: UTF8.self) == "550 5.1.1 no such mailbox here\r\n")
        #expect(String(decoding: Reply.tooManyRecipients.encoded, as: UTF8.self) == "452 4.5.3 too many recipients\r\n")
        #expect(Reply.encryptionRequiredForAuth.code == 538)
        #expect(Reply.encryptionRequiredForAuth.enhancedText == "5.7.11")
        #expect(Reply(.transient, 99, nil, "").code == 459)
    }

    @Test("greeting, EHLO, HELO and 3yz carry no enhanced code")
    func bare() {
        #expect(
            String(decoding: Reply.greeting("mx.example.org").encoded, as: UTF8.self) == "220 mx.example.org ESMTP\r\n"
        )
        let ehlo = Reply.ehlo("mx.example.org", keywords: ["PIPELINING", "SIZE 1"])
        #expect(
            String(decoding: ehlo.encoded, as: UTF8.self) == "250-mx.example.org\r\n250-PIPELINING\r\n250 SIZE 1\r\n"
        )
        #expect(String(decoding: Reply.startMailInput.encoded, as: UTF8.self).hasPrefix("354 end"))
        #expect(
            String(decoding: Reply.authChallenge(Array("Username:".utf8)).encoded, as: UTF8.self)
                == "334 VXNlcm5hbWU6\r\n"
        )
    }

    @Test(
        "no text can break out of its line",
        arguments: ["a\r\n250 evil", "a\nb", "a\0b", "a\u{85}b", String(repeating: "x", count: 2000)]
    )
    func cleaning(text: String) {
        let bytes = Reply.ok.saying(text).encoded
        #expect(bytes.count <= 512)
        #expect(bytes.filter { $0 < 0x20 } == [13, 10])
    }

    private func replies(_ text: String, slice: Int = .max) throws(ReplyError) -> [RemoteReply] {
        var parser = ReplyParser()
        var found: [RemoteReply] = []
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = slice < bytes.count - start ? start + slice : bytes.count
            parser.append(bytes[start..<end])
            while let reply = try parser.next() { found.append(reply) }
            start = end
        }
        return found
    }

    @Test("replies in any slicing", arguments: [1, 2, 3, 7, 1000])
    func slicing(slice: Int) throws {
        let found = try replies(
            "220 x ESMTP\r\n250-x\r\n250-SIZE 10\r\n250 DSN\r\n550 5.1.1 no\r\n250\r\n354 go\n",
            slice: slice
        )
        #expect(found.map(\.code) == [220, 250, 550, 250, 354])
        #expect(found[1].lines == ["x", "SIZE 10", "DSN"])
        #expect(found[2].enhanced?.text == "5.1.1")
        #expect(found[2].lines == ["no"])
        #expect(found[3].lines == [""])
    }

    @Test(
        "enhanced codes are taken only where they agree with the basic code",
        arguments: [
            ("550 5.7.2\r\n", "5.7.2"), ("550 4.7.2 x\r\n", nil), ("550 5.7 x\r\n", nil), ("550 5.7.2x y\r\n", nil),
            ("550 5.1234.1 x\r\n", nil),
            ("250 2.1.5 ok\r\n", "2.1.5"), ("550 \r\n", nil), ("550\r\n", nil), ("550 .. x\r\n", nil),
            ("550 5.-1.2 x\r\n", nil),
        ] as [(String, String?)]
    )
    func enhanced(text: String, expected: String?) throws {
        #expect(try replies(text).first?.enhanced?.text == expected)
    }

    @Test(
        "what is no reply is an error",
        arguments: [
            ("garbage\r\n", ReplyError.malformed), ("25\r\n", .malformed), ("2500 x\r\n", .malformed),
            ("150 x\r\n", .malformed), ("650 x\r\n", .malformed),
            ("250-a\r\n251 b\r\n", .mismatchedCodes), ("\r\n", .malformed), ("250-a\r\n\r\n", .malformed),
            (String(repeating: "250-x\r\n", count: 1000), .tooManyLines),
            ("250 " + String(repeating: "x", count: 2100) + "\r\n", .lineTooLong),
            (String(repeating: "x", count: 3000), .lineTooLong),
        ]
    )
    func errors(text: String, expected: ReplyError) {
        for slice in [1, 100, .max] {
            #expect(throws: expected) { try replies(text, slice: slice) }
        }
    }

    @Test("control characters and text direction marks of a server are made harmless")
    func harmless() throws {
        let reply = try #require(try replies("550 a\u{1B}[2Jb\u{202E}c\0d\rx\r\n").first)
        #expect(reply.lines == ["a?[2Jb?c?d?x"])
        #expect(String(describing: reply) == "550")
    }

    @Test("random bytes never trap the reply parser and never grow it")
    func fuzz() {
        var generator = SeededGenerator(seed: 5)
        let alphabet: [UInt8] = Array("2450- .\r\nab".utf8) + [0, 0x80, 0xFF]
        for _ in Rounds(2000) {
            var parser = ReplyParser()
            for _ in 0..<10 {
                parser.append((0..<50).map { _ in alphabet[Int(generator.next() % UInt64(alphabet.count))] })
                guard (try? parser.next()) != nil else { break }
            }
        }
    }

    @Test("extensions are read from the answer to EHLO")
    func extensions() throws {
        let text = """
            250-x greets\r\n250-pipelining\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-STARTTLS\r\n250-DSN\r\n250-CHUNKING\r
            250-AUTH PLAIN login\r\n250-AUTH=CRAM-MD5\r\n250-X-UNKNOWN\r\n250 ENHANCEDSTATUSCODES\r\n
            """
        let found = ServerExtensions(try #require(try replies(text).first))
        #expect(
            found.pipelining && found.eightBitMIME && found.smtpUTF8 && found.startTLS && found.dsn && found.chunking
        )
        #expect(found.enhancedStatusCodes && found.hasSize && !found.binaryMIME)
        #expect(found.maxSize == 1000)
        #expect(found.authMechanisms == ["PLAIN", "LOGIN", "CRAM-MD5"])
        #expect(ServerExtensions(try #require(try replies("250-x\r\n250 SIZE 0\r\n").first)).maxSize == nil)
        #expect(
            ServerExtensions(try #require(try replies("250-x\r\n250 SIZE 99999999999999999999\r\n").first)).maxSize
                == nil
        )
        #expect(
            !ServerExtensions(try #require(try replies("250 STARTTLS\r\n").first)).startTLS,
            "the first line is the server's name"
        )
    }
}
