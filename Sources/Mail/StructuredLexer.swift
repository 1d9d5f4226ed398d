// SPDX-License-Identifier: Apache-2.0

/// Cuts a structured field value (RFC 5322 3.2) into words and specials; comments and white space fall away.
///
/// Linear and total: comments nest to any depth, an open comment or quoted string reaches to the end of the value.
struct StructuredLexer: IteratorProtocol {
    enum Token: Equatable {
        /// A run of `atext`.
        case atom(ArraySlice<UInt8>)
        /// The value of a quoted string.
        case quoted([UInt8])
        /// `[` to `]`: a domain literal.
        case literal
        /// One of `.@<>,;:` or another byte that no word may have.
        case special(UInt8)
    }

    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> Token? {
        while index < bytes.count {
            let byte = bytes[index]
            if ASCII.isBlank(byte) {
                index += 1
            } else if byte == ASCII.openParenthesis {
                index = Self.endOfComment(in: bytes, from: index) ?? bytes.count
            } else if byte == ASCII.quote {
                return .quoted(quotedString())
            } else if byte == ASCII.openBracket {
                return literal()
            } else if ASCII.isAtext(byte) {
                return .atom(atom())
            } else {
                index += 1
                return .special(byte)
            }
        }
        return nil
    }

    private mutating func atom() -> ArraySlice<UInt8> {
        let start = index
        while index < bytes.count, ASCII.isAtext(bytes[index]) { index += 1 }
        return bytes[start..<index]
    }

    private mutating func literal() -> Token {
        while index < bytes.count, bytes[index] != ASCII.closeBracket { index += 1 }
        index = min(index + 1, bytes.count)
        return .literal
    }

    private mutating func quotedString() -> [UInt8] {
        let (value, end) = Self.quotedString(in: bytes, from: index)
        index = end ?? bytes.count
        return value
    }

    /// The value of the quoted string that opens at `start`, and the index behind its closing quote; `nil` when it
    /// is left open.
    static func quotedString(in bytes: [UInt8], from start: Int) -> (value: [UInt8], end: Int?) {
        var value: [UInt8] = []
        var index = start + 1
        while index < bytes.count, bytes[index] != ASCII.quote {
            if bytes[index] == ASCII.backslash, index + 1 < bytes.count { index += 1 }
            value.append(bytes[index])
            index += 1
        }
        return (value, index < bytes.count ? index + 1 : nil)
    }

    /// The index behind the comment that opens at `start`; `nil` when it is left open.
    static func endOfComment(in bytes: [UInt8], from start: Int) -> Int? {
        var depth = 0
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case ASCII.backslash: index += 1
            case ASCII.openParenthesis: depth += 1
            case ASCII.closeParenthesis: depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { return min(index, bytes.count) }
        }
        return nil
    }
}
