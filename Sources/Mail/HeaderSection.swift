// SPDX-License-Identifier: Apache-2.0

/// A header section exactly as it came: nothing is decoded or encoded again, edits go field by field.
///
/// A line that is no field (an mbox `From `, text without a colon, a continuation at the very start) is kept in its
/// place as an *odd line* together with its continuations. Lines end with CRLF; a lone CR or LF is a byte like another.
package struct HeaderSection: Sendable {
    /// One field with its continuations, or one odd line with its own.
    package struct Line: Sendable {
        /// The whole of it, folds and final CRLF included (the CRLF may miss at the end of a cut message).
        package let bytes: [UInt8]
        /// How many bytes of `bytes` are the field's name; 0 for an odd line.
        private let nameLength: Int
        /// Where the value begins in `bytes`: right behind the colon.
        let valueStart: Int

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            (nameLength, valueStart) = Self.split(bytes)
        }

        /// The field's name as written; `nil` for an odd line.
        package var name: String? {
            nameLength == 0 ? nil : String(decoding: bytes[..<nameLength], as: UTF8.self)
        }

        /// Whether this is no field.
        package var isOdd: Bool { nameLength == 0 }

        /// The value unfolded (each CRLF before a blank taken out) and trimmed; any bytes.
        ///
        /// Empty for an odd line.
        package var value: [UInt8] {
            guard nameLength > 0 else { return [] }
            var value: [UInt8] = []
            value.reserveCapacity(bytes.count - valueStart)
            for index in valueStart..<bytes.count {
                let byte = bytes[index]
                if byte == ASCII.carriageReturn, index + 1 < bytes.count, bytes[index + 1] == ASCII.lineFeed {
                    continue
                }
                if byte == ASCII.lineFeed, bytes[index - 1] == ASCII.carriageReturn { continue }
                value.append(byte)
            }
            let trimmed = ASCII.trimmed(value[...])
            return trimmed.count == value.count ? value : Array(trimmed)
        }

        /// The name in lower case, for sets and prefixes; empty for an odd line.
        var loweredName: [UInt8] { ASCII.lower(bytes[..<nameLength]) }

        /// Whether the field has this name, in any case.
        package func isNamed(_ name: String) -> Bool {
            nameLength > 0 && ASCII.equalsIgnoringCase(bytes[..<nameLength], name.utf8)
        }

        /// Whether this is the line that mbox files have before each message.
        var isMboxLine: Bool {
            isOdd && ASCII.hasPrefix(bytes.drop { $0 == ASCII.greater }, ignoringCase: "From ".utf8)
        }

        var endsWithCRLF: Bool { bytes.count >= 2 && bytes.suffix(2).elementsEqual([13, 10]) }

        /// RFC 5322 2.2: printable ASCII but the colon, blanks before the colon allowed (section 4.5).
        private static func split(_ bytes: [UInt8]) -> (name: Int, value: Int) {
            var end = 0
            while end < bytes.count, bytes[end] > 32, bytes[end] < 127, bytes[end] != ASCII.colon { end += 1 }
            var colon = end
            while colon < bytes.count, ASCII.isBlank(bytes[colon]) { colon += 1 }
            guard end > 0, colon < bytes.count, bytes[colon] == ASCII.colon else { return (0, bytes.count) }
            return (end, colon + 1)
        }
    }

    /// Fields and odd lines in their order.
    package private(set) var lines: [Line]

    /// Splits any bytes into lines; `bytes` of the result are equal to them.
    package init(parsing bytes: [UInt8]) {
        lines = []
        var start = 0
        var index = 0
        while index < bytes.count {
            let isEnd = bytes[index] == ASCII.lineFeed && index > 0 && bytes[index - 1] == ASCII.carriageReturn
            index += 1
            guard isEnd, index == bytes.count || !ASCII.isBlank(bytes[index]) else { continue }
            lines.append(Line(Array(bytes[start..<index])))
            start = index
        }
        if start < bytes.count { lines.append(Line(Array(bytes[start...]))) }
    }

    init(lines: [Line]) {
        self.lines = lines
    }

    /// The section as it goes out, without the empty line that ends it.
    package var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(lines.reduce(0) { $0 + $1.bytes.count })
        for line in lines { result.append(contentsOf: line.bytes) }
        return result
    }

    /// All fields of this name, in any case.
    package func fields(_ name: String) -> [Line] { lines.filter { $0.isNamed(name) } }

    /// The first field of this name, in any case.
    package func first(_ name: String) -> Line? { lines.first { $0.isNamed(name) } }

    package mutating func remove(where matches: (Line) -> Bool) { lines.removeAll(where: matches) }

    /// Puts a field in front of all other lines, but behind an mbox `From ` that opens the message: it means something
    /// only as the first line.
    package mutating func prepend(_ name: String, _ value: String) {
        let index = lines.first?.isMboxLine == true ? 1 : 0
        if index == lines.endIndex { endLastLine() }
        lines.insert(Self.field(name, value), at: index)
    }

    /// Puts a field behind all others.
    package mutating func append(_ name: String, _ value: String) {
        endLastLine()
        lines.append(Self.field(name, value))
    }

    /// Gives the first field of this name another value and removes its namesakes; appends the field when there is
    /// none.
    package mutating func replace(_ name: String, with value: String) {
        guard let index = lines.firstIndex(where: { $0.isNamed(name) }) else { return append(name, value) }
        lines[index] = Self.field(lines[index].name ?? name, value)
        let namesakes = lines.indices.filter { $0 > index && lines[$0].isNamed(name) }
        for namesake in namesakes.reversed() { lines.remove(at: namesake) }
    }

    /// Keeps, replaces or removes each line, as `edit` says.
    mutating func rewrite(_ edit: (Line) -> Edit) {
        lines = lines.compactMap { line in
            switch edit(line) {
            case .keep: line
            case .remove: nil
            case .value(let value): Self.field(line.name ?? "", value)
            case .bytes(let bytes): Line(bytes)
            }
        }
    }

    /// What becomes of one line.
    enum Edit {
        case keep
        case remove
        case value(String)
        /// All of the line, CRLF included.
        case bytes([UInt8])
    }

    /// A field made by us.
    ///
    /// The value may be folded (CRLF and a blank); any other CR, LF or NUL becomes a space, so that a value can never
    /// start a field of its own.
    static func field(_ name: String, _ value: String) -> Line {
        var bytes = Array(name.utf8) + [ASCII.colon, ASCII.space]
        let value = Array(value.utf8)
        for (index, byte) in value.enumerated() {
            let isFold =
                (byte == ASCII.carriageReturn && isFold(value, at: index))
                || (byte == ASCII.lineFeed && index > 0 && isFold(value, at: index - 1))
            let isBreaker = byte == ASCII.carriageReturn || byte == ASCII.lineFeed || byte == 0
            bytes.append(isBreaker && !isFold ? ASCII.space : byte)
        }
        return Line(bytes + [ASCII.carriageReturn, ASCII.lineFeed])
    }

    private static func isFold(_ value: [UInt8], at index: Int) -> Bool {
        index + 2 < value.count && value[index] == ASCII.carriageReturn && value[index + 1] == ASCII.lineFeed
            && ASCII.isBlank(value[index + 2])
    }

    /// A cut message may lack its last CRLF; a field after it needs one.
    private mutating func endLastLine() {
        guard let last = lines.last, !last.endsWithCRLF else { return }
        lines[lines.count - 1] = Line(last.bytes + [ASCII.carriageReturn, ASCII.lineFeed])
    }
}
