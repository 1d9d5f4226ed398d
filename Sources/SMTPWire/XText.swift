// SPDX-License-Identifier: Apache-2.0

/// The encoding of DSN and AUTH parameter values (RFC 3461 §4): printable ASCII, with `+XX` for the rest.
package enum XText {
    /// The decoded value, or `nil` when it is no xtext or holds anything but printable ASCII and spaces.
    package static func decode(_ bytes: ArraySlice<UInt8>) -> String? {
        guard let decoded = octets(bytes), decoded.allSatisfy({ $0 <= 0x7E }) else { return nil }
        return String(decoding: decoded, as: UTF8.self)
    }

    /// The same where the decoded value is UTF-8, as Postfix writes it; raw UTF-8 is taken too.
    package static func decodeUTF8(_ bytes: ArraySlice<UInt8>) -> String? {
        octets(bytes).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// What the value stands for, without control characters.
    private static func octets(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                guard let high = rest.popFirst().flatMap(upperHex), let low = rest.popFirst().flatMap(upperHex) else {
                    return nil
                }
                let decoded = high << 4 | low
                guard decoded >= 0x20, decoded != 0x7F else { return nil }
                result.append(decoded)
            } else {
                guard byte > 0x20, byte != 0x7F, byte != UInt8(ascii: "=") else { return nil }
                result.append(byte)
            }
        }
        return result
    }

    /// The value in xtext.
    package static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            if (0x21...0x7E).contains(byte), byte != UInt8(ascii: "+"), byte != UInt8(ascii: "=") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                result += hex.utf8.count == 1 ? "+0" + hex : "+" + hex
            }
        }
        return result
    }

    /// Undoes `\x{HEX}` in a `utf-8` address (RFC 6533 §3, EmbeddedUnicodeChar).
    ///
    /// `nil` when one is malformed.
    package static func decodeEmbedded(_ text: String) -> String? {
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                result.append(scalar)
                continue
            }
            guard rest.popFirst() == "x", rest.popFirst() == "{", let end = rest.firstIndex(of: "}") else { return nil }
            let digits = rest[..<end]
            guard (1...6).contains(digits.count), let value = UInt32(String(digits), radix: 16) else { return nil }
            guard let decoded = Unicode.Scalar(value) else { return nil }
            result.append(decoded)
            rest = rest[end...].dropFirst()
        }
        return String(result)
    }

    private static func upperHex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
