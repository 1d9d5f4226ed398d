// SPDX-License-Identifier: Apache-2.0

/// Takes ASCII armor off key material (RFC 9580 section 6).
///
/// Reads any number of blocks with anything between them; the checksum line is optional and not looked at, as RFC 9580
/// asks. Linear in its input.
package struct ArmorReader {
    /// The packets within `bytes`, which are either binary already or text with armored public keys.
    package static func packets(in bytes: [UInt8]) throws(CertificateVerdict) -> [UInt8] {
        guard let first = bytes.first(where: { $0 > 0x20 }) else { throw .noKey }
        guard first & 0x80 == 0 || bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { return bytes }
        var reader = ArmorReader(bytes)
        return try reader.readBlocks()
    }

    private let bytes: [UInt8]
    private var position = 0
    private var output: [UInt8] = []

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    private static let begin = Array("-----BEGIN PGP ".utf8)
    private static let end = Array("-----END PGP ".utf8)
    private static let publicKey = Array("PUBLIC KEY BLOCK-----".utf8)
    private static let privateKey = Array("PRIVATE KEY BLOCK-----".utf8)

    private mutating func readBlocks() throws(CertificateVerdict) -> [UInt8] {
        var found = false
        while let line = nextLine() {
            // A byte order mark or a quotation's blanks may stand before the first dash.
            guard let dash = bytes[line].firstIndex(of: 0x2D), dash - line.lowerBound <= 8 else { continue }
            let label = bytes[dash..<line.upperBound]
            guard label.starts(with: Self.begin) else { continue }
            let kind = label.dropFirst(Self.begin.count)
            if kind.starts(with: Self.privateKey) { throw .secretKey }
            guard kind.starts(with: Self.publicKey) else { continue }
            found = true
            skipHeaders()
            try decodeBody()
        }
        guard found else { throw .noKey }
        return output
    }

    /// The next line without its end and without trailing blanks.
    private mutating func nextLine() -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let start = position
        var end = lineEnd(from: start)
        position = min(bytes.count, end + 1)
        while end > start, [0x0D, 0x20, 0x09].contains(bytes[end - 1]) { end -= 1 }
        return start..<end
    }

    private func lineEnd(from start: Int) -> Int {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            var index = start
            while index < buffer.count, unsafe buffer[index] != 0x0A { index += 1 }
            return index
        }
    }

    /// Armor headers, `Version:` and the like, up to the empty line; some writers leave the empty line out.
    private mutating func skipHeaders() {
        while true {
            let before = position
            guard let line = nextLine() else { return }
            if line.isEmpty { return }
            guard bytes[line].contains(0x3A) else {
                position = before
                return
            }
        }
    }

    /// Base64 up to the checksum or the end line.
    private mutating func decodeBody() throws(CertificateVerdict) {
        var decoder = Base64Decoder()
        output.reserveCapacity(min(bytes.count, output.count + (bytes.count - position) / 4 * 3))
        while let line = nextLine() {
            if line.isEmpty { continue }
            if bytes[line.lowerBound] == 0x3D { continue }
            if bytes[line.lowerBound] == 0x2D {
                guard bytes[line].starts(with: Self.end), decoder.isComplete else { throw .malformed }
                return
            }
            guard decoder.decode(bytes, line, into: &output) else { throw .malformed }
        }
        throw .malformed
    }
}

/// Decodes base64 line by line (RFC 4648 section 4).
private struct Base64Decoder {
    private var bits: UInt32 = 0
    private var held = 0
    private var padding = 0

    private static let table: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, letter) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
            table[Int(letter)] = UInt8(value)
        }
        return table
    }()

    /// Whether what came so far ends with a whole group.
    var isComplete: Bool { (held + padding) % 4 == 0 }

    /// False at a letter that is not of the alphabet, or anything after the padding.
    mutating func decode(_ bytes: [UInt8], _ line: Range<Int>, into output: inout [UInt8]) -> Bool {
        unsafe Self.table.withUnsafeBufferPointer { table in
            unsafe bytes.withUnsafeBufferPointer { buffer in
                for index in line {
                    let letter = unsafe buffer[index]
                    if letter == 0x3D {
                        guard pad(into: &output) else { return false }
                        continue
                    }
                    let value = unsafe table[Int(letter)]
                    guard value != 0xFF, padding == 0 else { return false }
                    bits = bits << 6 | UInt32(value)
                    held += 1
                    if held == 4 {
                        output.append(UInt8(truncatingIfNeeded: bits >> 16))
                        output.append(UInt8(truncatingIfNeeded: bits >> 8))
                        output.append(UInt8(truncatingIfNeeded: bits))
                        (bits, held) = (0, 0)
                    }
                }
                return true
            }
        }
    }

    /// One `=`: at most two, and only after two or three letters of a group.
    private mutating func pad(into output: inout [UInt8]) -> Bool {
        if padding == 0 {
            guard held >= 2 else { return false }
            output.append(UInt8(truncatingIfNeeded: held == 2 ? bits >> 4 : bits >> 10))
            if held == 3 { output.append(UInt8(truncatingIfNeeded: bits >> 2)) }
        }
        padding += 1
        return held + padding <= 4
    }
}
