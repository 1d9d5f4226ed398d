// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Finds bytes at the C library's speed; a byte-wise loop would cost more than the rest of the framing.
enum ByteScan {
    static let lineFeed: UInt8 = 10
    static let carriageReturn: UInt8 = 13
    static let dot: UInt8 = 46

    /// The first `byte` within `range`, or the range's end.
    ///
    /// `range` must lie within `bytes`.
    @inline(__always)
    static func first(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int {
        guard let base = bytes.baseAddress, !range.isEmpty else { return range.upperBound }
        guard let found = memchr(base + range.lowerBound, Int32(byte), range.count) else { return range.upperBound }
        return base.distance(to: found)
    }
}
