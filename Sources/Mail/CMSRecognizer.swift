// SPDX-License-Identifier: Apache-2.0

/// Reads the content type of a CMS message (RFC 5652 3) from the first bytes of its DER or BER form, and checks that
/// the outermost element reaches to the end.
struct CMSRecognizer: Sendable {
    enum Kind: Sendable {
        /// enveloped-data (1.2.840.113549.1.7.3) or authEnveloped-data (1.2.840.113549.1.9.16.1.23).
        case encrypted
        /// signed-data (1.2.840.113549.1.7.2): readable by everybody.
        case signed
        case other
    }

    private static let envelopedData: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3]
    private static let authEnvelopedData: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 1, 23]
    private static let signedData: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2]

    /// Enough for two lengths of nine octets, the identifier and the tag behind it.
    private static let headLimit = 40

    private var head: [UInt8] = []
    private var count = 0
    private var tail: (UInt8, UInt8) = (0xFF, 0xFF)

    mutating func consume(_ bytes: ArraySlice<UInt8>) {
        count += bytes.count
        if head.count < Self.headLimit { head.append(contentsOf: bytes.prefix(Self.headLimit - head.count)) }
        if bytes.count >= 2 {
            tail = (bytes[bytes.endIndex - 2], bytes[bytes.endIndex - 1])
        } else if let last = bytes.last {
            tail = (tail.1, last)
        }
    }

    /// What the whole content is; to be asked at its end.
    var kind: Kind {
        guard let outer = Self.element(in: head, at: 0, tag: 0x30) else { return .other }
        if let length = outer.length {
            guard outer.contentStart + length == count else { return .other }
        } else {
            guard tail == (0, 0) else { return .other }
        }
        guard let identifier = Self.element(in: head, at: outer.contentStart, tag: 0x06),
            let length = identifier.length,
            identifier.contentStart + length < head.count, head[identifier.contentStart + length] == 0xA0
        else { return .other }
        let value = head[identifier.contentStart..<(identifier.contentStart + length)]
        if value.elementsEqual(Self.envelopedData) || value.elementsEqual(Self.authEnvelopedData) { return .encrypted }
        return value.elementsEqual(Self.signedData) ? .signed : .other
    }

    /// An element's head; `length` is `nil` for the indefinite form.
    private static func element(in bytes: [UInt8], at start: Int, tag: UInt8) -> (contentStart: Int, length: Int?)? {
        guard start + 1 < bytes.count, bytes[start] == tag else { return nil }
        let first = bytes[start + 1]
        if first == 0x80 { return (start + 2, nil) }
        if first < 0x80 { return (start + 2, Int(first)) }
        let octets = Int(first & 0x7F)
        guard octets <= 6, start + 2 + octets <= bytes.count else { return nil }
        var length = 0
        for octet in bytes[(start + 2)..<(start + 2 + octets)] { length = length << 8 | Int(octet) }
        return (start + 2 + octets, length)
    }
}
