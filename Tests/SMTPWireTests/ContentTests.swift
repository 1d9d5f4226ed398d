// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import TestSupport
import Testing

@Suite("Content")
struct ContentTests {
    private func stuffed(_ content: [UInt8], slice: Int) throws -> [UInt8] {
        var stuffer = DotStuffer()
        var output: [UInt8] = []
        var start = 0
        while start < content.count {
            let end = min(content.count, start + slice)
            try stuffer.encode(content[start..<end], into: &output)
            start = end
        }
        try stuffer.finish(into: &output)
        return output
    }

    private func unstuffed(_ wire: [UInt8], slice: Int) -> (content: [UInt8], end: Int?, flaw: LineEndingFlaw?) {
        var unstuffer = DotUnstuffer()
        var content: [UInt8] = []
        var start = 0
        while start < wire.count {
            let piece = wire[start..<min(wire.count, start + slice)]
            let outcome = piece.withUnsafeBytes { bytes in
                unstuffer.decode(bytes) { content += bytes[$0] }
            }
            switch outcome {
            case .more: start += piece.count
            case .ended(let consumed): return (content, start + consumed, nil)
            case .flaw(let flaw): return (content, nil, flaw)
            }
        }
        return (content, nil, nil)
    }

    static let contents = [
        "", "\r\n", ".", ".\r\n", "..\r\n.\r\n", "a", "a\r\n", "a\r\n.b\r\n..c\r\n", "\r\n\r\n.\r\n\r\n", "a.b\r\n.",
        "\0\u{FF}\r\n.\0\r\n",
    ]

    @Test("stuffing and unstuffing give the content back in any slicing", arguments: contents)
    func roundTrip(text: String) throws {
        let content = Array(text.utf8)
        let expected = content.isEmpty || content.suffix(2) == [13, 10] ? content : content + [13, 10]
        for slice in 1...8 {
            let wire = try stuffed(content, slice: slice)
            for readSlice in 1...8 {
                let result = unstuffed(wire + Array("QUIT\r\n".utf8), slice: readSlice)
                #expect(result.content == expected)
                #expect(result.end == wire.count)
            }
        }
    }

    @Test("random content survives the round trip, and no line of the wire form is a lone dot before the end")
    func randomRoundTrip() throws {
        var generator = SeededGenerator(seed: 9)
        let alphabet: [[UInt8]] = [[46], [13, 10], [97], [13, 10, 46], [0]]
        for _ in 0..<3000 {
            let content = (0..<Int(generator.next() % 30)).flatMap { _ in alphabet[Int(generator.next() % 5)] }
            let slice = Int(generator.next() % 9) + 1
            let wire = try stuffed(content, slice: slice)
            let result = unstuffed(wire, slice: Int(generator.next() % 9) + 1)
            #expect(result.end == wire.count)
            #expect(result.content.starts(with: content))
        }
    }

    @Test(
        "bare CR and LF are flaws on the way out and on the way in",
        arguments: ["\n", "\r", "a\n", "a\rb", "\r\r\n", "\n\r", "a\r\n\n", ".\n", ".\r.", "a\r\n.\r\r\n"]
    )
    func flaws(text: String) {
        let content = Array(text.utf8)
        for slice in 1...4 {
            #expect(throws: LineEndingFlaw.self) { try stuffed(content, slice: slice) }
            let result = unstuffed(content + Array("x\r\n.\r\n".utf8), slice: slice)
            #expect(result.flaw != nil)
            #expect(result.end == nil)
        }
    }

    @Test(
        "base64 takes exactly what it should",
        arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
    )
    func base64(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == Array(encoded.utf8))
        #expect(Base64.decode(Array(encoded.utf8)[...]) == Array(plain.utf8))
    }

    @Test(
        "malformed base64 is refused",
        arguments: ["Z", "Zg", "Zg=", "Zh==", "Z===", "====", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zm-_"]
    )
    func badBase64(text: String) {
        #expect(Base64.decode(Array(text.utf8)[...]) == nil)
    }
}
