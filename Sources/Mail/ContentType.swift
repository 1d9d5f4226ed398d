// SPDX-License-Identifier: Apache-2.0

/// What `Content-Type` says (RFC 2045 5.1), and how far it can be trusted to say the same to every reader.
struct ContentType: Sendable {
    struct Parameter: Sendable {
        let name: [UInt8]
        let value: [UInt8]
    }

    /// Lower case.
    ///
    /// Empty when there is no field or no readable type.
    private(set) var type: [UInt8] = []
    /// Lower case.
    private(set) var subtype: [UInt8] = []
    /// Names in lower case, in their order.
    private(set) var parameters: [Parameter] = []
    /// Whether two readers could understand the field differently: it is there twice, a quote or a comment is
    /// left open, something stands where no parameter can.
    private(set) var isAmbiguous = false
    /// Whether the field ends so that `; name=value` can be put behind it.
    private(set) var isExtensible = false
    /// Whether there is a field at all.
    let isPresent: Bool

    init(of header: HeaderSection) {
        let fields = header.fields("Content-Type")
        isPresent = !fields.isEmpty
        isAmbiguous = fields.count > 1
        guard let field = fields.first else { return }
        parse(field.value)
        isExtensible = !isAmbiguous && isExtensible && field.endsWithCRLF
    }

    /// Whether this is `type/subtype`, both in lower case; a missing field is `text/plain`.
    func isType(_ type: String, _ subtype: String? = nil) -> Bool {
        guard isPresent else { return type == "text" && subtype ?? "plain" == "plain" }
        return self.type.elementsEqual(type.utf8) && subtype.map { self.subtype.elementsEqual($0.utf8) } ?? true
    }

    /// The first parameter of this name (lower case).
    func parameter(_ name: String) -> [UInt8]? {
        parameters.first { $0.name.elementsEqual(name.utf8) }?.value
    }

    /// The boundary of a multipart; `nil` when it is missing, empty, too long to be told from text, or given twice or
    /// in pieces (RFC 2231), which readers understand differently.
    var boundary: [UInt8]? {
        let all = parameters.filter { $0.name.starts(with: "boundary".utf8) }
        guard all.count == 1, let only = all.first, only.name.count == 8 else { return nil }
        guard (1...200).contains(only.value.count), only.value.allSatisfy({ $0 >= 32 && $0 != 127 }) else { return nil }
        guard only.value.last != ASCII.space else { return nil }
        return only.value
    }

    private mutating func parse(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        reader.skipBlanks()
        type = ASCII.lower(reader.token())
        reader.skipBlanks()
        guard !type.isEmpty, reader.take(0x2F) else {
            type = []
            isAmbiguous = true
            return
        }
        reader.skipBlanks()
        subtype = ASCII.lower(reader.token())
        isAmbiguous = isAmbiguous || subtype.isEmpty
        while true {
            reader.skipBlanks()
            guard reader.take(ASCII.semicolon) else { break }
            reader.skipBlanks()
            let name = ASCII.lower(reader.token())
            // A semicolon at the very end or another right behind it adds nothing, but nothing can be added to it
            // either.
            guard !name.isEmpty else {
                guard reader.isAtEnd || reader.peek == ASCII.semicolon else { break }
                if reader.isAtEnd { return isAmbiguous = isAmbiguous || reader.isOpen }
                continue
            }
            reader.skipBlanks()
            guard reader.take(ASCII.equals) else { break }
            reader.skipBlanks()
            parameters.append(Parameter(name: name, value: reader.value()))
        }
        isAmbiguous = isAmbiguous || reader.isOpen || !reader.isAtEnd
        isExtensible = !isAmbiguous
    }

    /// A place in the field value.
    private struct Reader {
        let bytes: [UInt8]
        var index = 0
        /// Whether a quoted string or a comment was left open.
        var isOpen = false

        var isAtEnd: Bool { index >= bytes.count }
        var peek: UInt8? { isAtEnd ? nil : bytes[index] }

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        mutating func skipBlanks() {
            while index < bytes.count {
                if ASCII.isSpace(bytes[index]) {
                    index += 1
                } else if bytes[index] == ASCII.openParenthesis {
                    let end = StructuredLexer.endOfComment(in: bytes, from: index)
                    isOpen = isOpen || end == nil
                    index = end ?? bytes.count
                } else {
                    return
                }
            }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            index += 1
            return true
        }

        /// RFC 2045 token.
        mutating func token() -> ArraySlice<UInt8> {
            let start = index
            while index < bytes.count, Self.isToken(bytes[index]) { index += 1 }
            return bytes[start..<index]
        }

        /// A quoted string's value, or a run up to the next blank, semicolon or quote: many programs do not quote
        /// boundaries with `=` or names with brackets.
        mutating func value() -> [UInt8] {
            if peek == ASCII.quote {
                let (value, end) = StructuredLexer.quotedString(in: bytes, from: index)
                isOpen = isOpen || end == nil
                index = end ?? bytes.count
                return value
            }
            let start = index
            while index < bytes.count, !ASCII.isSpace(bytes[index]), bytes[index] != ASCII.semicolon,
                bytes[index] != ASCII.quote,
                bytes[index] != ASCII.openParenthesis
            {
                index += 1
            }
            return Array(bytes[start..<index])
        }

        private static func isToken(_ byte: UInt8) -> Bool {
            guard byte > 32, byte < 127 else { return false }
            switch byte {
            case 0x22, 0x28, 0x29, 0x2C, 0x2F, 0x3A...0x40, 0x5B...0x5D: return false
            default: return true
            }
        }
    }
}
