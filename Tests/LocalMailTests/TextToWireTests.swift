// SPDX-License-Identifier: Apache-2.0

import LocalMail
import Testing

@Suite("Text of programs to wire")
struct TextToWireTests {
    private static func convert(_ text: String, ignoresDots: Bool, slices: Int) throws -> String {
        var converter = TextToWire(ignoresDots: ignoresDots)
        var output: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: slices) {
            try converter.convert(bytes[start..<min(bytes.count, start + slices)], into: &output)
        }
        try converter.finish(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test(
        "LF becomes CRLF, CRLF stays, and the last line gets an end",
        arguments: [
            ("", ""), ("a", "a\r\n"), ("a\n", "a\r\n"), ("a\r\nb\n", "a\r\nb\r\n"), ("\n\n", "\r\n\r\n"),
            ("a\n..\n", "a\r\n..\r\n"), ("é\n", "é\r\n"),
        ]
    )
    func lineEnds(_ text: String, _ expected: String) throws {
        for slices in 1...3 { #expect(try Self.convert(text, ignoresDots: false, slices: slices) == expected) }
    }

    @Test("a CR without LF is refused wherever it stands", arguments: ["a\rb", "a\r", "\r\r\n", "\r"])
    func loneCarriageReturn(_ text: String) {
        for slices in 1...3 {
            #expect(throws: TextToWire.LoneCarriageReturn.self) {
                try Self.convert(text, ignoresDots: true, slices: slices)
            }
        }
    }

    @Test(
        "a single dot ends the message unless it is to be text",
        arguments: ["a\n.\nb\n", "a\r\n.\r\nb\n", "a\n.\nb"]
    )
    func singleDot(_ text: String) throws {
        for slices in 1...3 {
            #expect(try Self.convert(text, ignoresDots: false, slices: slices) == "a\r\n")
            #expect(try Self.convert(text, ignoresDots: true, slices: slices) == "a\r\n.\r\nb\r\n")
        }
    }
}
