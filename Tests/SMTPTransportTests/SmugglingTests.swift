// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import Testing

@testable import SMTPTransport

@Suite("SMTP smuggling")
struct SmugglingTests {
    /// Line ends, right and wrong, with NUL, blanks and Unicode breaks among them.
    static let breaks = [
        "\r\n", "\n", "\r", "\r\r\n", "\n\n", "\n\r", "\0\r\n", "\r\0\n", " \r\n", "\t\r\n", "\u{0B}\r\n", "\u{85}",
        "\u{2028}", "\0", "",
    ]

    static let variants: [(before: String, after: String)] = breaks.flatMap { before in breaks.map { (before, $0) } }

    static func dialogue(_ before: String, _ after: String) -> [UInt8] {
        Array(
            ("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: one\r\n\r\ntext" + before + "."
                + after
                + "MAIL FROM:<evil@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\nSubject: two\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n")
                .utf8
        )
    }

    @Test(
        "only CRLF.CRLF ends a message, and bare CR or LF ends the session, in whatever slices it comes",
        arguments: [1, 2, 3, 5, 7, 16, 4096]
    )
    func everyVariant(slice: Int) {
        for (before, after) in Self.variants {
            var driver = FramingDriver()
            driver.feed(Self.dialogue(before, after), inPiecesOf: slice)
            if before.utf8.suffix(2).elementsEqual([13, 10]), after == "\r\n", !Self.hasBareEnding(before) {
                #expect(driver.messages.count == 2)
                #expect(driver.violations.isEmpty)
                continue
            }
            let hasBareEnding = Self.hasBareEnding(before + "." + after)
            #expect(
                driver.messages.count == (hasBareEnding ? 0 : 1),
                "\(before.debugDescription) \(after.debugDescription)"
            )
            #expect(driver.violations.count == (hasBareEnding ? 1 : 0))
            #expect(!driver.verbs.dropFirst(3).contains("MAIL"))
        }
    }

    @Test("each variant cut in two at every byte gives the same verdict as uncut")
    func everyCut() {
        for (before, after) in Self.variants.filter({ !$0.before.isEmpty || !$0.after.isEmpty }) {
            let bytes = Self.dialogue(before, after)
            var whole = FramingDriver()
            whole.feed(bytes)
            for cut in 60..<min(bytes.count, 130) {
                var driver = FramingDriver()
                driver.feed(bytes[..<cut])
                driver.feed(bytes[cut...])
                guard driver.seen != whole.seen else { continue }
                Issue.record("\(before.debugDescription) \(after.debugDescription) cut at \(cut)")
            }
        }
    }

    @Test(
        "the same line ends through BDAT end the session",
        arguments: ["\n", "\r", "\r\r\n", "\n\n", "\n\r", "\r\0\n"]
    )
    func throughChunks(ending: String) {
        let content = Array(("Subject: x\r\n\r\ntext" + ending + ".\r\nmore\r\n").utf8)
        for slice in [1, 2, 3, 64] {
            var driver = FramingDriver()
            driver.feed(
                Array("BDAT \(content.count) LAST\r\n".utf8) + content + Array("MAIL FROM:<x@y.org>\r\n".utf8),
                inPiecesOf: slice
            )
            #expect(driver.messages.isEmpty)
            #expect(driver.violations.count == 1)
            #expect(driver.verbs == ["BDAT"])
        }
    }

    @Test("a CR at the end of one chunk may find its LF in the next")
    func splitPair() {
        var driver = FramingDriver()
        driver.feed(Array("BDAT 3\r\nab\rBDAT 4 LAST\r\n\ncd\n".utf8))
        #expect(driver.violations == [.bareLineFeed])
        driver = FramingDriver()
        driver.feed(Array("BDAT 3\r\nab\rBDAT 5 LAST\r\n\ncd\r\n".utf8))
        #expect(driver.messages == [Array("ab\r\ncd\r\n".utf8)])
        driver = FramingDriver()
        driver.feed(Array("BDAT 3\r\nab\rRSET\r\nBDAT 2 LAST\r\n\r\n".utf8))
        #expect(driver.messages.count == 1, "RSET forgets the half line end")
        driver = FramingDriver()
        driver.feed(Array("BDAT 3 LAST\r\nab\rQUIT\r\n".utf8))
        #expect(driver.violations == [.bareCarriageReturn])
    }

    private static func hasBareEnding(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() {
            if byte == 10, index == 0 || bytes[index - 1] != 13 { return true }
            if byte == 13, index + 1 == bytes.count || bytes[index + 1] != 10 { return true }
        }
        return false
    }
}
