// SPDX-License-Identifier: Apache-2.0

/// The packet types that a certificate can hold (RFC 9580 section 5).
enum PacketTag {
    static let signature: UInt8 = 2
    static let secretKey: UInt8 = 5
    static let publicKey: UInt8 = 6
    static let secretSubkey: UInt8 = 7
    static let marker: UInt8 = 10
    static let trust: UInt8 = 12
    static let userID: UInt8 = 13
    static let publicSubkey: UInt8 = 14
    static let userAttribute: UInt8 = 17
    static let padding: UInt8 = 21
}

/// Where one packet lies.
package struct Packet: Sendable, Equatable {
    package let tag: UInt8
    /// Header and body.
    package let whole: Range<Int>
    package let body: Range<Int>
}

/// Goes from packet to packet through key material, in both header formats, without looking inside (RFC 9580 section
/// 4.2).
///
/// Partial and indeterminate lengths, which key material must not have, are faults. Total: any bytes give packets and
/// then an end or ``CertificateVerdict/malformed``.
package struct PacketWalker {
    private let bytes: [UInt8]
    private var reader: OctetReader

    package init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
        self.bytes = bytes
        reader = OctetReader(bytes, range ?? 0..<bytes.count)
    }

    /// The next packet, or `nil` at the end.
    package mutating func next() throws(CertificateVerdict) -> Packet? {
        let start = reader.position
        guard let header = reader.octet() else { return nil }
        guard header & 0x80 != 0 else { throw .malformed }
        let isNew = header & 0x40 != 0
        let tag = isNew ? header & 0x3F : (header & 0x3C) >> 2
        guard tag != 0, let length = isNew ? newLength() : oldLength(header & 3), let body = reader.take(length) else {
            throw .malformed
        }
        return Packet(tag: tag, whole: start..<body.upperBound, body: body)
    }

    /// `nil` when cut short or partial.
    private mutating func newLength() -> Int? {
        guard let first = reader.octet() else { return nil }
        switch first {
        case 0..<192: return Int(first)
        case 192..<224:
            guard let second = reader.octet() else { return nil }
            return (Int(first) - 192) << 8 + Int(second) + 192
        case 255: return reader.number32()
        default: return nil
        }
    }

    /// `nil` when cut short or indeterminate.
    private mutating func oldLength(_ type: UInt8) -> Int? {
        switch type {
        case 0: reader.octet().map { Int($0) }
        case 1: reader.number16()
        case 2: reader.number32()
        default: nil
        }
    }

    /// The header of a packet of `tag` with a body of `count` octets, as short as it can be.
    package static func header(tag: UInt8, count: Int) -> [UInt8] {
        switch count {
        case 0..<192: [0xC0 | tag, UInt8(count)]
        case 192..<8384: [0xC0 | tag, UInt8((count - 192) >> 8 + 192), UInt8((count - 192) & 0xFF)]
        default:
            [0xC0 | tag, 0xFF] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
        }
    }
}
