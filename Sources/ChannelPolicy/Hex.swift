// SPDX-License-Identifier: Apache-2.0

/// Octets as pairs of hexadecimal digits.
package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// In lower case.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Digits of either case, with or without a colon between any two octets; nil for anything else.
    package static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let high = rest.first {
            guard rest.count >= 2, let upper = value(high), let lower = value(rest[rest.startIndex + 1]) else {
                return nil
            }
            bytes.append(upper << 4 | lower)
            rest = rest.dropFirst(2)
            if rest.first == UInt8(ascii: ":") {
                rest = rest.dropFirst()
                guard !rest.isEmpty else { return nil }
            }
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
