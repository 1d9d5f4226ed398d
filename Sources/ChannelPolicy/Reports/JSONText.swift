// SPDX-License-Identifier: Apache-2.0

/// A JSON value (RFC 8259), as far as reports need one.
enum JSONText: Sendable {
    case null
    case bool(Bool)
    /// Whole numbers; others are cut to one, and clamped.
    case number(Int)
    case string(String)
    case array([JSONText])
    /// In the order of the text; of a key given twice the first counts.
    case object([(key: String, value: JSONText)])

    subscript(key: String) -> JSONText? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    var asString: String? { if case .string(let text) = self { text } else { nil } }
    var asNumber: Int? { if case .number(let value) = self { value } else { nil } }
    var asArray: [JSONText]? { if case .array(let items) = self { items } else { nil } }

    /// Whether an object in it has two members of one name.
    var repeatsMember: Bool {
        switch self {
        case .array(let items): items.contains { $0.repeatsMember }
        case .object(let members):
            Set(members.map(\.key)).count != members.count || members.contains { $0.value.repeatsMember }
        default: false
        }
    }

    // MARK: - Writing

    /// Without any space, in ASCII.
    var encoded: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .number(let value): output += String(value).utf8
        case .string(let text): JSONText.write(text, to: &output)
        case .array(let items):
            output.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                item.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSONText.write(member.key, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            switch unit {
            case 0x22, 0x5c: output += [0x5c, UInt8(truncatingIfNeeded: unit)]
            case 0x20...0x7e: output.append(UInt8(truncatingIfNeeded: unit))
            default: output += "\\u\(Hex.text([UInt8(unit >> 8), UInt8(unit & 0xff)]))".utf8
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}

/// Reads JSON from strangers: total, and bounded in depth, values and text.
struct JSONReader {
    static let maxDepth = 12

    private var rest: ArraySlice<UInt8>
    private var valuesLeft: Int
    private let wholeNumbersOnly: Bool

    /// Nil for what is no JSON, or is more than `maxValues` values or too deep.
    ///
    /// With `wholeNumbersOnly` a number with a fraction or an exponent, or one that no `Int` holds exactly, is a fault too.
    static func read(_ bytes: [UInt8], maxValues: Int, wholeNumbersOnly: Bool = false) -> JSONText? {
        var reader = JSONReader(rest: bytes[...], valuesLeft: maxValues, wholeNumbersOnly: wholeNumbersOnly)
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipSpace()
        return reader.rest.isEmpty ? value : nil
    }

    private mutating func value(depth: Int) -> JSONText? {
        skipSpace()
        valuesLeft -= 1
        guard depth < JSONReader.maxDepth, valuesLeft >= 0, let first = rest.first else { return nil }
        switch first {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return text().map(JSONText.string)
        case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        default: return number()
        }
    }

    private mutating func object(_ depth: Int) -> JSONText? {
        rest = rest.dropFirst()
        var members: [(key: String, value: JSONText)] = []
        if closes(UInt8(ascii: "}")) { return .object([]) }
        repeat {
            skipSpace()
            guard rest.first == UInt8(ascii: "\""), let key = text() else { return nil }
            skipSpace()
            guard rest.popFirst() == UInt8(ascii: ":"), let value = value(depth: depth + 1) else { return nil }
            members.append((key, value))
        } while separates()
        return closes(UInt8(ascii: "}")) ? .object(members) : nil
    }

    private mutating func array(_ depth: Int) -> JSONText? {
        rest = rest.dropFirst()
        var items: [JSONText] = []
        if closes(UInt8(ascii: "]")) { return .array([]) }
        repeat {
            guard let item = value(depth: depth + 1) else { return nil }
            items.append(item)
        } while separates()
        return closes(UInt8(ascii: "]")) ? .array(items) : nil
    }

    private mutating func closes(_ mark: UInt8) -> Bool {
        skipSpace()
        guard rest.first == mark else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func separates() -> Bool { closes(UInt8(ascii: ",")) }

    private mutating func text() -> String? {
        rest = rest.dropFirst()
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                bytes += Array(String(scalar).utf8)
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return unicode()
        default: return nil
        }
    }

    /// Half of a surrogate pair alone becomes U+FFFD.
    private mutating func unicode() -> Unicode.Scalar? {
        guard let first = unit() else { return nil }
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, rest.starts(with: "\\u".utf8) else { return "\u{fffd}" }
        let saved = rest
        rest = rest.dropFirst(2)
        guard let second = unit() else { return nil }
        guard (0xdc00...0xdfff).contains(second) else {
            rest = saved
            return "\u{fffd}"
        }
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    }

    private mutating func unit() -> UInt32? {
        guard rest.count >= 4, let pair = Hex.bytes(String(decoding: rest.prefix(4), as: UTF8.self)), pair.count == 2
        else { return nil }
        rest = rest.dropFirst(4)
        return UInt32(pair[0]) << 8 | UInt32(pair[1])
    }

    private mutating func number() -> JSONText? {
        let isNumeric = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains(byte)
        }
        let digits = rest.prefix(while: isNumeric)
        if wholeNumbersOnly { return wholeNumber(digits) }
        guard (1...40).contains(digits.count), let value = Double(String(decoding: digits, as: UTF8.self)),
            value.isFinite
        else { return nil }
        rest = rest.dropFirst(digits.count)
        return .number(Int(max(-9e15, min(9e15, value))))
    }

    private mutating func wholeNumber(_ digits: ArraySlice<UInt8>) -> JSONText? {
        let text = String(decoding: digits, as: UTF8.self)
        // Written back it must be the same: no plus sign, no zero in front.
        guard (1...17).contains(digits.count), let value = Int(text), String(value) == text else { return nil }
        rest = rest.dropFirst(digits.count)
        return .number(value)
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let expected = word.description.utf8
        guard rest.starts(with: expected) else { return false }
        rest = rest.dropFirst(expected.count)
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
    }
}
