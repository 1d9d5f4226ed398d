// SPDX-License-Identifier: Apache-2.0

/// Finds keys with so many dots that the tables they open would exhaust the stack of a recursive reader.
///
/// Follows strings and comments as TOML 1.0 does; up to the first error of a file it sees what the parser sees.
enum DottedKeyBound {
    static let maximumDots = 16

    /// The line of the first such key, counted from 1.
    static func firstLineBeyond(_ bytes: [UInt8]) -> Int? {
        var scan = Scan(bytes: bytes)
        return scan.run()
    }
}

private struct Scan {
    let bytes: [UInt8]
    var position = 0
    var line = 1
    var dots = 0

    mutating func run() -> Int? {
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "#"): skipComment()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(byte)
            case UInt8(ascii: "."):
                dots += 1
                if dots > DottedKeyBound.maximumDots { return line }
                position += 1
            case UInt8(ascii: "\n"):
                line += 1
                dots = 0
                position += 1
            case UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "{"), UInt8(ascii: "["):
                dots = 0
                position += 1
            default: position += 1
            }
        }
        return nil
    }

    private mutating func skipComment() {
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
    }

    /// Leaves `position` after the closing quotes; a single-line string that is not closed ends with its line.
    private mutating func skipString(_ quote: UInt8) {
        let isLong = isTriple(quote)
        position += isLong ? 3 : 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\n") { line += 1 }
                position += 2
            } else if byte == quote, !isLong || isTriple(quote) {
                position += isLong ? 3 : 1
                // Up to two quotes may stand directly before the closing three.
                while isLong, position < bytes.count, bytes[position] == quote { position += 1 }
                return
            } else if byte == UInt8(ascii: "\n") {
                if !isLong { return }
                line += 1
                position += 1
            } else {
                position += 1
            }
        }
    }

    private func isTriple(_ quote: UInt8) -> Bool {
        position + 2 < bytes.count && bytes[position] == quote && bytes[position + 1] == quote
            && bytes[position + 2] == quote
    }
}
