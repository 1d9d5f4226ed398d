// SPDX-License-Identifier: Apache-2.0

import SMTPWire

/// Reads record data as it came off the wire, names uncompressed (RFC 1035 §3.3, RFC 3596, RFC 6698).
///
/// Total: whatever the bytes, the answer is a record or nil.
enum RecordDecoder {
    /// How many MX records of one name are looked at.
    static let maxExchanges = 100
    /// How many addresses of one host are looked at.
    static let maxAddresses = 32

    /// How many texts of one name are looked at.
    static let maxTexts = 100

    /// How many TLSA records of one name are looked at.
    static let maxAssociations = 100

    static func limit(_ type: RecordType) -> Int {
        switch type {
        case .mx: maxExchanges
        case .txt: maxTexts
        case .tlsa: maxAssociations
        case .a, .aaaa, .ptr, .cname: maxAddresses
        }
    }

    /// Nil when the data is not a well-formed record of that type.
    static func decode(_ type: RecordType, _ data: ArraySlice<UInt8>) -> DNSRecord? {
        switch type {
        case .a: data.count == 4 ? IPAddress(bytes: Array(data)).map(DNSRecord.address) : nil
        case .aaaa: data.count == 16 ? IPAddress(bytes: Array(data)).map(DNSRecord.address) : nil
        case .mx: mailExchange(data)
        case .txt: text(data)
        case .ptr, .cname: name(data).map(DNSRecord.name)
        case .tlsa: association(data)
        }
    }

    /// Three numbers and what is left (RFC 6698 §2.1); whether that means anything is not decided here.
    private static func association(_ data: ArraySlice<UInt8>) -> DNSRecord? {
        guard data.count >= 3 else { return nil }
        let start = data.startIndex
        return .tlsa(
            usage: data[start],
            selector: data[start + 1],
            matching: data[start + 2],
            data: Array(data[(start + 3)...])
        )
    }

    /// One character string or more (RFC 1035 §3.3.14), each with its length in front.
    private static func text(_ data: ArraySlice<UInt8>) -> DNSRecord? {
        guard !data.isEmpty else { return nil }
        var joined: [UInt8] = []
        var rest = data
        while let length = rest.popFirst() {
            guard rest.count >= Int(length) else { return nil }
            joined += rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        return .text(joined)
    }

    private static func mailExchange(_ data: ArraySlice<UInt8>) -> DNSRecord? {
        guard data.count >= 3 else { return nil }
        let preference = UInt16(data[data.startIndex]) << 8 | UInt16(data[data.startIndex + 1])
        return name(data.dropFirst(2)).map { .mx(preference: preference, exchange: $0) }
    }

    /// A whole uncompressed name that ends exactly where the data ends.
    ///
    /// Bytes that are no letter, digit, hyphen or underscore become `\DDD`, so that a dot inside a label cannot pass
    /// for a separator.
    static func name(_ data: ArraySlice<UInt8>) -> String? {
        guard data.count <= 255 else { return nil }
        var labels: [String] = []
        var rest = data
        while let length = rest.first {
            rest = rest.dropFirst()
            if length == 0 { return rest.isEmpty ? labels.joined(separator: ".") : nil }
            guard length <= 63, rest.count >= Int(length) else { return nil }
            labels.append(label(rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }

    private static func label(_ bytes: ArraySlice<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\" + String(String(1000 + Int(byte)).dropFirst())
            }
        }
        return text
    }
}
