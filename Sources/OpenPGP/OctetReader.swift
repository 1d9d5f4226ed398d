// SPDX-License-Identifier: Apache-2.0

/// Reads numbers and ranges from foreign bytes, in order and never past the end.
struct OctetReader {
    private let bytes: [UInt8]
    private(set) var position: Int
    private let end: Int

    /// Reads `range` of `bytes`, cut to what there is.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = min(max(0, range.lowerBound), bytes.count)
        end = min(max(position, range.upperBound), bytes.count)
    }

    var left: Int { end - position }
    var rest: Range<Int> { position..<end }

    mutating func octet() -> UInt8? {
        guard position < end else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number16() -> Int? {
        guard left >= 2 else { return nil }
        defer { position += 2 }
        return Int(bytes[position]) << 8 | Int(bytes[position + 1])
    }

    mutating func number32() -> Int? {
        guard let high = number16(), let low = number16() else { return nil }
        return high << 16 | low
    }

    mutating func take(_ count: Int) -> Range<Int>? {
        guard count >= 0, count <= left else { return nil }
        defer { position += count }
        return position..<(position + count)
    }

    /// The octets of a multiprecision integer without its length (RFC 9580 section 3.2).
    mutating func integer() -> ArraySlice<UInt8>? {
        guard let bits = number16(), let range = take((bits + 7) / 8) else { return nil }
        return bytes[range].drop { $0 == 0 }
    }
}
