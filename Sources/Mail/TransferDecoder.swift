// SPDX-License-Identifier: Apache-2.0

/// Undoes a Content-Transfer-Encoding (RFC 2045 6) piece by piece.
///
/// Only for looking inside: what it makes is never sent.
struct TransferDecoder: Sendable {
    private enum Encoding: Sendable {
        case identity
        case base64(Base64Decoder)
        case quotedPrintable(QuotedPrintableDecoder)
        case unknown
    }

    private var encoding: Encoding

    /// Takes the field value of `Content-Transfer-Encoding`; `nil` when there is no such field.
    init(_ fieldValue: [UInt8]?) {
        let name = ASCII.lower(fieldValue ?? [])
        if name.isEmpty || Self.isIdentity(name) {
            encoding = .identity
        } else if name.elementsEqual("base64".utf8) {
            encoding = .base64(Base64Decoder())
        } else if name.elementsEqual("quoted-printable".utf8) {
            encoding = .quotedPrintable(QuotedPrintableDecoder())
        } else {
            encoding = .unknown
        }
    }

    /// Whether the content stands in the message as it is.
    static func isIdentity(_ name: [UInt8]) -> Bool {
        ["7bit", "8bit", "binary"].contains { ASCII.equalsIgnoringCase(name, $0.utf8) }
    }

    /// The decoded bytes; `nil` when the encoding is not known or the content breaks it.
    mutating func decode(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        switch encoding {
        case .identity: return bytes
        case .unknown: return nil
        case .base64(var decoder):
            // Taken out while it works, so that it is not copied.
            encoding = .identity
            var output: [UInt8] = []
            let isValid = decoder.decode(bytes, into: &output)
            encoding = .base64(decoder)
            return isValid ? output[...] : nil
        case .quotedPrintable(var decoder):
            encoding = .identity
            var output: [UInt8] = []
            decoder.decode(bytes, into: &output)
            encoding = .quotedPrintable(decoder)
            return output[...]
        }
    }
}

/// Base64 with white space anywhere (RFC 2045 6.8); strict about all else.
struct Base64Decoder: Sendable {
    /// 0...63 for a digit, 64 for white space, 65 for `=`, 255 for what may not be there.
    private static let table: [UInt8] = {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, digit) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
            table[Int(digit)] = UInt8(value)
        }
        for space in [9, 10, 13, 32] { table[space] = 64 }
        table[61] = 65
        return table
    }()

    private let table = Self.table
    private var bits: UInt32 = 0
    private var digits = 0
    private var padding = 0

    /// Whether what came so far may end here: no group of four is open.
    var isComplete: Bool { padding == 0 ? digits == 0 : (digits == 2 && padding == 2) || (digits == 3 && padding == 1) }

    /// Appends what the bytes decode to; `false` when they are no Base64, or go on behind the padding.
    mutating func decode(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8]) -> Bool {
        if output.isEmpty { output.reserveCapacity(bytes.count * 3 / 4 + 3) }
        let table = table
        var index = bytes.startIndex
        while index < bytes.endIndex {
            // Nearly all of a body: four digits together.
            while digits == 0, padding == 0, index + 4 <= bytes.endIndex {
                let first = table[Int(bytes[index])]
                let second = table[Int(bytes[index + 1])]
                let third = table[Int(bytes[index + 2])]
                let fourth = table[Int(bytes[index + 3])]
                guard first | second | third | fourth < 64 else { break }
                output.append(first << 2 | second >> 4)
                output.append(second << 4 | third >> 2)
                output.append(third << 6 | fourth)
                index += 4
            }
            guard index < bytes.endIndex else { break }
            let value = table[Int(bytes[index])]
            index += 1
            if value < 64 {
                guard padding == 0 else { return false }
                bits = bits << 6 | UInt32(value)
                digits += 1
                guard digits == 4 else { continue }
                output.append(UInt8(truncatingIfNeeded: bits >> 16))
                output.append(UInt8(truncatingIfNeeded: bits >> 8))
                output.append(UInt8(truncatingIfNeeded: bits))
                digits = 0
            } else if value == 65 {
                guard pad(into: &output) else { return false }
            } else if value == 255 {
                return false
            }
        }
        return true
    }

    private mutating func pad(into output: inout [UInt8]) -> Bool {
        guard digits >= 2, padding < 4 - digits else { return false }
        padding += 1
        guard padding == 1 else { return true }
        let group = bits << (digits == 2 ? 12 : 6)
        output.append(UInt8(truncatingIfNeeded: group >> 16))
        if digits == 3 { output.append(UInt8(truncatingIfNeeded: group >> 8)) }
        return true
    }
}

/// Quoted-printable (RFC 2045 6.7), lenient: what is no escape stands for itself.
struct QuotedPrintableDecoder: Sendable {
    /// What came since the last `=`, that included: at most an `=` and a run of blanks, CR or a hexadecimal digit.
    private var open: [UInt8] = []

    mutating func decode(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8]) {
        for byte in bytes {
            if open.isEmpty {
                if byte == ASCII.equals { open = [byte] } else { output.append(byte) }
            } else {
                take(byte, into: &output)
            }
        }
    }

    private mutating func take(_ byte: UInt8, into output: inout [UInt8]) {
        let second = open.count > 1 ? open[1] : nil
        if let high = second.flatMap(Self.hexadecimal), open.count == 2, let low = Self.hexadecimal(byte) {
            output.append(high << 4 | low)
            open = []
        } else if byte == ASCII.lineFeed, second.map(ASCII.isSpace) ?? true {
            open = []
        } else if open.count == 1 && Self.hexadecimal(byte) != nil
            || open.count < 80 && ASCII.isSpace(byte) && (second.map(ASCII.isSpace) ?? true)
        {
            open.append(byte)
        } else {
            output.append(contentsOf: open)
            open = byte == ASCII.equals ? [byte] : []
            if byte != ASCII.equals { output.append(byte) }
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        if ASCII.isDigit(byte) { return byte - 48 }
        let lower = ASCII.lower(byte)
        return lower >= 97 && lower <= 102 ? lower - 87 : nil
    }
}
