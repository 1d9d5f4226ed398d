// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Header sections")
struct HeaderSectionTests {
    private static let odd = crlf(
        """
        From alice@example.org Sun Nov 22 07:37:42 2026
        Subject: one
         two
        \tthree
        garbage without colon
         and its continuation: no field
        X-Empty:
        Obsolete : value
        : no name
        Bad Name: x
        """ + "\n"
    )

    @Test("keep odd lines with their continuations as they are")
    func oddLines() {
        let header = HeaderSection(parsing: Self.odd)
        #expect(header.bytes == Self.odd)
        #expect(header.lines.map(\.name) == [nil, "Subject", nil, "X-Empty", "Obsolete", nil, nil])
        #expect(text(header.lines[1].value) == "one two\tthree")
        #expect(text(header.lines[2].bytes) == "garbage without colon\r\n and its continuation: no field\r\n")
        #expect(header.lines[2].value.isEmpty)
        #expect(header.lines[3].value.isEmpty)
        #expect(text(header.lines[4].value) == "value")
    }

    @Test("keep a continuation at the very start as an odd line")
    func leadingContinuation() {
        let bytes = crlf(" folded: nothing\nSubject: x\n")
        let header = HeaderSection(parsing: bytes)
        #expect(header.lines.map(\.name) == [nil, "Subject"])
        #expect(header.bytes == bytes)
    }

    @Test("hold any bytes in values: 8-bit, NUL, lone CR and LF")
    func rawBytes() {
        let bytes: [UInt8] = Array("Subject: ".utf8) + [0xFF, 0, 13, 0xE9, 10, 65, 13, 10]
        let header = HeaderSection(parsing: bytes)
        #expect(header.bytes == bytes)
        #expect(header.lines.count == 1)
        #expect(header.lines[0].value == [0xFF, 0, 13, 0xE9, 10, 65])
    }

    @Test("find fields in any case")
    func finding() {
        let header = HeaderSection(parsing: crlf("to: a\nTO: b\nCc: c\n"))
        #expect(header.fields("To").map { text($0.value) } == ["a", "b"])
        #expect(header.first("CC").map { text($0.value) } == "c")
        #expect(header.first("Bcc") == nil)
    }

    @Test("are edited field by field")
    func edits() {
        var header = HeaderSection(parsing: crlf("From x y\nA: 1\nB: 2\nA: 3\nC: 4"))
        header.prepend("Received", "by us")
        header.replace("a", with: "new")
        header.append("D", "5")
        header.replace("E", with: "6")
        header.remove { $0.isNamed("B") }
        #expect(text(header.bytes) == "From x y\r\nReceived: by us\r\nA: new\r\nC: 4\r\nD: 5\r\nE: 6\r\n")
    }

    @Test("put our trace field before a first line of garbage, so that readers who stop there still see it")
    func prependBeforeGarbage() {
        var header = HeaderSection(parsing: crlf("garbage\nA: 1\n"))
        header.prepend("Received", "by us")
        #expect(text(header.bytes) == "Received: by us\r\ngarbage\r\nA: 1\r\n")
    }

    @Test(
        "never let a value start a line of its own",
        arguments: [
            ("a\r\nBcc: b", "X: a  Bcc: b\r\n"), ("a\nb", "X: a b\r\n"), ("a\rb", "X: a b\r\n"),
            ("a\u{0}b", "X: a b\r\n"),
            ("a\r\n\tb", "X: a\r\n\tb\r\n"), ("a\r\n", "X: a  \r\n"), ("\r\n\r\n x", "X:   \r\n x\r\n"),
        ]
    )
    func injection(value: String, expected: String) {
        var header = HeaderSection(parsing: [])
        header.append("X", value)
        #expect(text(header.bytes) == expected)
        #expect(HeaderSection(parsing: header.bytes).lines.count == 1)
    }
}

@Suite("The end of the header")
struct HeaderSplitterTests {
    @Test(
        "is the first empty line and nothing else",
        arguments: [
            ("A: 1\r\n\r\nbody", "A: 1\r\n", "body"),
            ("\r\nbody", "", "body"),
            ("\r\n\r\nbody", "", "\r\nbody"),
            ("A: 1\r\ngarbage\r\nB: 2\r\n\r\nbody", "A: 1\r\ngarbage\r\nB: 2\r\n", "body"),
            ("A: 1\r\n \r\n\r\nbody", "A: 1\r\n \r\n", "body"),
            ("A: 1\n\n\r\n\r\nbody", "A: 1\n\n\r\n", "body"),
            ("A: 1\r\r\n\r\nbody", "A: 1\r\r\n", "body"),
            ("A: 1\r\n\r\r\n\r\nbody", "A: 1\r\n\r\r\n", "body"),
            ("A: 1\r\n\r\n", "A: 1\r\n", ""),
        ]
    )
    func splitting(message: String, header: String, body: String) {
        let bytes = Array(message.utf8)
        for slice in 1...bytes.count {
            var splitter = HeaderSplitter()
            var rest: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: slice) {
                let piece = bytes[start..<min(start + slice, bytes.count)]
                if case .complete(let bodyStart) = splitter.consume(piece) { rest += piece[bodyStart...] }
            }
            #expect(splitter.isComplete)
            #expect(text(splitter.header) == header)
            #expect(text(rest) == body)
        }
    }

    @Test("is the end of the message when there is no empty line", arguments: ["", "A: 1", "A: 1\r\n", "A: 1\r\n\r"])
    func withoutEmptyLine(message: String) {
        var splitter = HeaderSplitter()
        #expect(splitter.consume(Array(message.utf8)[...]) == .incomplete)
        #expect(!splitter.isComplete)
        #expect(text(splitter.header) == message)
    }

    @Test("must come within the limit")
    func limit() {
        var splitter = HeaderSplitter(limit: 100)
        let line = Array("X: \(String(repeating: "x", count: 45))\r\n".utf8)
        #expect(splitter.consume(line[...]) == .incomplete)
        #expect(splitter.consume(line[...]) == .incomplete)
        #expect(splitter.consume(line[...]) == .tooLarge)
        #expect(splitter.consume([13, 10]) == .tooLarge)
        var exact = HeaderSplitter(limit: 100)
        #expect(exact.consume((line + line + [13, 10, 65])[...]) == .complete(bodyStart: 102))
        #expect(exact.header.count == 100)
    }
}
