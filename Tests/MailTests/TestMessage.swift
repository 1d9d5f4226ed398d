// SPDX-License-Identifier: Apache-2.0

@testable import Mail

/// A message cut into header and body, the way the gateway cuts it.
struct TestMessage {
    let header: HeaderSection
    let body: [UInt8]
    let hasEmptyLine: Bool

    init(_ bytes: [UInt8]) {
        var splitter = HeaderSplitter(limit: .max)
        if case .complete(let start) = splitter.consume(bytes[...]) { body = Array(bytes[start...]) } else { body = [] }
        header = HeaderSection(parsing: splitter.header)
        hasEmptyLine = splitter.isComplete
    }

    /// From lines with bare LF, as they stand in a Swift literal.
    init(lines: String) {
        self.init(crlf(lines))
    }

    /// The outline, with the body pushed in pieces of `slice` bytes.
    func outline(slice: Int = .max) -> MIMEOutline {
        var outliner = MIMEOutliner(header: header)
        var start = 0
        while start < body.count {
            let end = start + min(slice, body.count - start)
            outliner.consume(body[start..<end])
            start = end
        }
        return outliner.finish()
    }
}

/// Text with LF line ends as bytes with CRLF.
func crlf(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        if byte == 10, bytes.last != 13 { bytes.append(13) }
        bytes.append(byte)
    }
    return bytes
}

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

/// Base64 in lines of 64 characters with CRLF.
func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var output = ""
    var column = 0
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = Array(bytes[start..<min(start + 3, bytes.count)])
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for digit in 0..<4 {
            output.append(digit <= group.count ? digits[bits >> (18 - 6 * digit) & 63] : "=")
        }
        column += 4
        if column == 64 {
            output += "\r\n"
            column = 0
        }
    }
    return column == 0 ? output : output + "\r\n"
}

/// OpenPGP packets with made-up content: only their frame matters to a recogniser.
enum FakePGP {
    static func packet(_ tag: UInt8, _ body: [UInt8]) -> [UInt8] {
        let count = body.count
        let length: [UInt8] =
            if count < 192 {
                [UInt8(count)]
            } else if count < 8384 {
                [UInt8((count - 192) >> 8 + 192), UInt8((count - 192) & 0xFF)]
            } else {
                [255] + [24, 16, 8, 0].map { UInt8(count >> $0 & 0xFF) }
            }
        return [0xC0 | tag] + length + body
    }

    static let sessionKey = packet(1, [3] + [UInt8](repeating: 0xAB, count: 300))
    static let passwordKey = packet(3, [4, 9, 3, 8] + [UInt8](repeating: 7, count: 9))
    static func data(_ count: Int = 600) -> [UInt8] { packet(18, [1] + [UInt8](repeating: 0x5A, count: count)) }
    static let message = sessionKey + data()

    /// Data in partial pieces: 512, then 1024, then the rest of 10 octets.
    static let partial: [UInt8] =
        sessionKey + [0xD2, 0xE0 | 9, 1] + [UInt8](repeating: 1, count: 511)
        + [0xE0 | 10] + [UInt8](repeating: 2, count: 1024) + [10] + [UInt8](repeating: 3, count: 10)

    static func armor(_ bytes: [UInt8] = message, headers: String = "") -> String {
        "-----BEGIN PGP MESSAGE-----\r\n\(headers)\r\n\(base64(bytes))=abcd\r\n-----END PGP MESSAGE-----\r\n"
    }
}
