// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Finding a part")
struct AttachmentTests {
    private func first(_ type: String, _ header: String, _ body: String) -> String? {
        let section = HeaderSection(parsing: Array(header.replacing("\n", with: "\r\n").utf8))
        let bytes = Array(body.replacing("\n", with: "\r\n").utf8)
        return Attachment.first(of: [type], header: section, body: bytes).map { String(decoding: $0, as: UTF8.self) }
    }

    private static let mixed = "Content-Type: multipart/mixed; boundary=b\n"

    @Test("the first of its type counts, wherever it lies, decoded")
    func found() {
        #expect(first("text/plain", "", "hello\n") == "hello\r\n")
        #expect(first("a/b", "Content-Type: A/B; x=y\nContent-Transfer-Encoding: BASE64\n", "aGVs\nbG8=\n") == "hello")
        let parts =
            "pre\n--b\nContent-Type: text/plain\n\none\n--b \nContent-Type: a/b\n\ntwo\n\n--b\nContent-Type: a/b\n\nx\n--b--\n"
        #expect(first("a/b", Self.mixed, parts) == "two\r\n")
        let nested =
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nt\n--c\nContent-Type: a/b\n\nin\n--c--\n--b--\n"
        #expect(first("a/b", Self.mixed, nested) == "in")
        #expect(first("a/b", Self.mixed, "--b\nContent-Type: a/b\n\nto the end") == "to the end")
    }

    @Test("what is not there, or can't be decoded, is nothing")
    func missing() {
        #expect(first("a/b", "", "hello") == nil)
        #expect(first("a/b", Self.mixed, "no parts at all") == nil)
        #expect(first("a/b", "Content-Type: multipart/mixed\n", "--b\nContent-Type: a/b\n\nx\n--b--\n") == nil)
        #expect(
            first("a/b", Self.mixed, "--b\nContent-Type: a/b\nContent-Transfer-Encoding: rot13\n\nx\n--b--\n") == nil
        )
        #expect(first("a/b", Self.mixed, "--b--\n--b\nContent-Type: a/b\n\nx\n--b--\n") == nil)
        #expect(first("a/b", Self.mixed, String(repeating: "--b\n\n", count: 5000)) == nil)
        var deep = "Content-Type: a/b\n\nx\n"
        for level in 0..<20 { deep = "Content-Type: multipart/mixed; boundary=b\(level)\n\n--b\(level)\n" + deep }
        let header = "Content-Type: multipart/mixed; boundary=b19\n"
        #expect(first("a/b", header, String(deep.dropFirst(header.count + 1))) == nil)
    }
}
