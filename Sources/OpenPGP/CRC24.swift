// SPDX-License-Identifier: Apache-2.0

/// The checksum of ASCII armor (RFC 9580 section 6.1.1), eight octets a step.
struct CRC24: Sendable {
    /// 24 bits, kept in the upper end so that a step shifts whole octets.
    private var state: UInt32 = 0xB704CE << 8

    /// The checksum of what came so far.
    var value: UInt32 { state >> 8 }

    /// `tables[k]` is what an octet adds after `k` more octets; eight tables of 256, one after the other.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for octet in 0..<256 {
            var remainder = UInt32(octet) << 24
            for _ in 0..<8 {
                remainder = remainder & 0x8000_0000 != 0 ? remainder << 1 ^ 0x864CFB << 8 : remainder << 1
            }
            tables[octet] = remainder
        }
        for table in 1..<8 {
            for octet in 0..<256 {
                let previous = tables[(table - 1) * 256 + octet]
                tables[table * 256 + octet] = previous << 8 ^ tables[Int(previous >> 24)]
            }
        }
        return tables
    }()

    mutating func update(_ bytes: [UInt8]) {
        var state = state
        unsafe Self.tables.withUnsafeBufferPointer { tables in
            unsafe bytes.withUnsafeBytes { bytes in
                var index = 0
                while index &+ 8 <= bytes.count {
                    let word = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                    unsafe state = step(UInt64(state) << 32 ^ word, tables)
                    index &+= 8
                }
                while index < bytes.count {
                    let octet = unsafe UInt32(bytes[index])
                    unsafe state = state << 8 ^ tables[Int(state >> 24 ^ octet)]
                    index &+= 1
                }
            }
        }
        self.state = state
    }
}

/// What eight octets leave, the state already added to the first four.
@inline(__always)
private func step(_ word: UInt64, _ tables: UnsafeBufferPointer<UInt32>) -> UInt32 {
    let first = unsafe tables[1792 &+ Int(truncatingIfNeeded: word >> 56)]
    let second = unsafe tables[1536 &+ Int(truncatingIfNeeded: word >> 48 & 0xFF)]
    let third = unsafe tables[1280 &+ Int(truncatingIfNeeded: word >> 40 & 0xFF)]
    let fourth = unsafe tables[1024 &+ Int(truncatingIfNeeded: word >> 32 & 0xFF)]
    let fifth = unsafe tables[768 &+ Int(truncatingIfNeeded: word >> 24 & 0xFF)]
    let sixth = unsafe tables[512 &+ Int(truncatingIfNeeded: word >> 16 & 0xFF)]
    let seventh = unsafe tables[256 &+ Int(truncatingIfNeeded: word >> 8 & 0xFF)]
    let eighth = unsafe tables[Int(truncatingIfNeeded: word & 0xFF)]
    return first ^ second ^ third ^ fourth ^ fifth ^ sixth ^ seventh ^ eighth
}
