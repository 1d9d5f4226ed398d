// SPDX-License-Identifier: Apache-2.0

/// The fingerprint of an OpenPGP version 4 primary key, by which people compare keys.
package struct KeyFingerprint: Sendable, Hashable, Codable {
    /// Forty upper-case hexadecimal digits.
    package let text: String

    /// Digits of either case, with or without spaces and a leading `0x`; nil for anything else.
    package init?(_ text: String) {
        var digits = text.utf8.filter { $0 != 0x20 }
        if digits.starts(with: "0x".utf8) { digits.removeFirst(2) }
        guard digits.count == 40, let octets = Hex.bytes(String(decoding: digits, as: UTF8.self)), octets.count == 20
        else { return nil }
        self.text = Hex.text(octets).uppercased()
    }

    /// Nil unless there are 20 octets.
    package init?(octets: [UInt8]) {
        guard octets.count == 20 else { return nil }
        text = Hex.text(octets).uppercased()
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let fingerprint = KeyFingerprint(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no fingerprint"))
        }
        self = fingerprint
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
