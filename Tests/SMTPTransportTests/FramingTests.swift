// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import TestSupport
import Testing

@testable import SMTPTransport

@Suite("Server framing")
struct FramingTests {
    private func seen(_ text: String, configure: (inout FramingDriver) -> Void = { _ in }) -> [FramingDriver.Seen] {
        var whole = FramingDriver()
        configure(&whole)
        whole.feed(Array(text.utf8))
        var byByte = FramingDriver()
        configure(&byByte)
        byByte.feed(Array(text.utf8), inPiecesOf: 1)
        if text.utf8.count < 4096, !text.hasPrefix("DATA\r\nrefused") { #expect(whole.seen == byByte.seen) }
        return whole.seen
    }

    @Test("undoes dot-stuffing and keeps every other byte")
    func unstuffing() {
        let result = seen("DATA\r\n..one\r\n...\r\n.x\r\na.b\r\n\0\u{FF}\r\n\r\n.\r\nNOOP\r\n")
        #expect(
            result == [
                .command("DATA"), .message(Array(".one\r\n..\r\nx\r\na.b\r\n\0\u{FF}\r\n\r\n".utf8)), .command("NOOP"),
            ]
        )
    }

    @Test("an empty message is one")
    func emptyMessage() {
        #expect(seen("DATA\r\n.\r\nRSET\r\n") == [.command("DATA"), .message([]), .command("RSET")])
    }

    @Test(
        "bare CR and bare LF in a command line end the session",
        arguments: ["NOOP\nQUIT\r\n", "NOOP\rQUIT\r\n", "\nNOOP\r\n", "NO\rOP\r\n"]
    )
    func bareInCommands(text: String) {
        let result = seen(text)
        #expect(result.count == 1)
        #expect(result == [.violation(.bareLineFeed)] || result == [.violation(.bareCarriageReturn)])
    }

    @Test("bytes behind STARTTLS in the clear are a violation")
    func startTLSInjection() {
        var driver = FramingDriver()
        driver.feed(Array("EHLO x\r\nSTARTTLS\r\nNOOP\r\nMAIL FROM:<>\r\n".utf8))
        #expect(driver.seen == [.command("EHLO"), .command("STARTTLS"), .violation(.bytesAfterStartTLS)])
        #expect(driver.unparsedBytes == 0)
    }

    @Test(
        "a chunk size that is no decimal number ends the session",
        arguments: [
            "BDAT -1 LAST", "BDAT 9223372036854775808 LAST", "BDAT 9223372036854775807", "BDAT 0x10", "BDAT 1e3",
            "BDAT", "BDAT ",
            "BDAT 5 FIRST", "BDAT 5 LAST LAST", "BDAT +5", "BDAT 99999999999999999999999", "bdat five LAST", "BDAT\t5",
            "BDAT 5 LAST" + String(repeating: " ", count: 600),
        ]
    )
    func badChunkSizes(line: String) {
        #expect(seen(line + "\r\nQUIT\r\n") == [.violation(.malformedChunkSize)])
    }

    @Test("chunks are counted to the byte, empty ones included")
    func chunks() {
        #expect(
            seen("BDAT 0\r\nBDAT 6\r\nNOOP\r\nBDAT 0 LAST\r\nNOOP\r\n") == [
                .command("BDAT"), .chunkEnd, .command("BDAT"), .chunkEnd, .command("BDAT"),
                .message(Array("NOOP\r\n".utf8)), .command("NOOP"),
            ]
        )
        #expect(
            seen("BDAT 2 LAST\r\n\r\nBDAT 2 LAST\r\n\r\n").filter { $0 == .message([13, 10]) }.count == 2,
            "whether a second LAST is allowed is the session's question; its octets are not commands"
        )
    }

    @Test("a refused DATA with content already behind it ends the session")
    func unsolicitedContent() {
        let result = seen("DATA\r\nrefused\r\n.\r\nMAIL FROM:<a@b.org>\r\n") { $0.acceptsData = false }
        #expect(result == [.command("DATA"), .violation(.unsolicitedContent)])
    }

    @Test("a line of 512 octets passes, one of 513 is answered and forgotten")
    func lineLimits() {
        let longest = "NOOP " + String(repeating: "x", count: 505)
        #expect(seen(longest + "\r\nRSET\r\n") == [.command("NOOP"), .command("RSET")])
        #expect(seen(longest + "x\r\nRSET\r\n") == [.lineTooLong, .command("RSET")])
        #expect(
            seen(longest + String(repeating: "y", count: 3000) + "\r\nRSET\r\n") == [.lineTooLong, .command("RSET")]
        )
    }

    @Test("MAIL, RCPT and AUTH lines have their extensions' allowances")
    func allowances() {
        let mail = "MAIL FROM:<a@example.org> AUTH=" + String(repeating: "x", count: 500)
        #expect(seen(mail + "\r\n") == [.command("MAIL")])
        let auth = "AUTH PLAIN " + String(repeating: "A", count: 12_000)
        #expect(seen(auth + "\r\n" + "AAAA\r\n") == [.command("AUTH"), .authLine(Array("AAAA".utf8))])
        #expect(
            seen("AUTH PLAIN\r\n" + String(repeating: "A", count: 20_000) + "\r\nNOOP\r\n") == [
                .command("AUTH"), .authLineTooLong, .command("NOOP"),
            ]
        )
    }

    @Test("a line without an end is given up")
    func endlessLine() {
        var driver = FramingDriver(maxDiscardedLineBytes: 10_000)
        for _ in 0..<1000 { driver.feed([UInt8](repeating: 65, count: 1000)) }
        #expect(driver.seen == [.violation(.endlessLine)])
        #expect(driver.unparsedBytes == 0)
    }

    @Test(
        "web browsers and TLS in the clear are dropped at once",
        arguments: ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<>\r\n"]
    )
    func otherProtocols(text: String) {
        #expect(seen(text) == [.violation(.otherProtocol)])
        var driver = FramingDriver()
        driver.feed([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x0D, 0x0A])
        #expect(driver.seen == [.violation(.otherProtocol)])
    }

    @Test("nothing behind QUIT is parsed")
    func afterQuit() {
        #expect(seen("QUIT\r\nMAIL FROM:<>\r\n") == [.command("QUIT")])
    }

    @Test(
        "random bytes in every state neither trap nor grow the buffer",
        arguments: ["", "EHLO x\r\n", "DATA\r\n", "BDAT 900000000\r\n", "AUTH PLAIN\r\n"]
    )
    func randomBytes(prefix: String) {
        var generator = SeededGenerator(seed: 7)
        for round in 0..<60 {
            var driver = FramingDriver()
            driver.feed(Array(prefix.utf8))
            // Half of the rounds hold only line breaks and dots besides letters, to get deeper than the first violation.
            let alphabet: [UInt8] = round % 2 == 0 ? Array(0...255) : Array("ab.\r\n".utf8)
            for _ in 0..<8 {
                let piece = (0..<2048).map { _ in alphabet[Int(generator.next() % UInt64(alphabet.count))] }
                driver.feed(piece, inPiecesOf: Int(generator.next() % 700) + 1)
                #expect(driver.unparsedBytes <= 16_384)
            }
        }
    }

    @Test("mutated dialogues never let a second message through that CRLF.CRLF did not end")
    func mutatedDialogues() {
        var generator = SeededGenerator(seed: 42)
        let original = SmugglingTests.dialogue("\r\n", "\r\n")
        for _ in 0..<3000 {
            var bytes = original
            for _ in 0..<(1 + generator.next() % 4) {
                let place = Int(generator.next() % UInt64(bytes.count))
                switch generator.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert([0, 10, 13, 46, 32][Int(generator.next() % 5)], at: place)
                }
            }
            var whole = FramingDriver()
            whole.feed(bytes)
            #expect(whole.messages.allSatisfy { LineEndings.areClean($0) })
        }
    }
}

enum LineEndings {
    static func areClean(_ bytes: [UInt8]) -> Bool {
        var check = LineEndingCheck()
        do {
            try check.consume(bytes[...])
            try check.finish()
            return true
        } catch {
            return false
        }
    }
}
