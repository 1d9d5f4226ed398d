// SPDX-License-Identifier: Apache-2.0

/// A block of IP addresses, `192.0.2.0/24` or `2001:db8::/32`; a bare address is a block of one.
///
/// IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2) count as the IPv4 addresses they stand for, on both sides.
package struct NetworkRange: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes in network order, host bits zero.
    package let base: [UInt8]
    /// 0...32 or 0...128.
    package let prefixLength: Int

    /// Nil when the text is no address block, or has bits set beyond its prefix (`10.0.0.1/8` is a typing error more
    /// often than a wish).
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, var bytes = IPText.parse(String(first)) else { return nil }
        var length = bytes.count * 8
        if parts.count == 2 {
            guard let digits = parts.last, (1...3).contains(digits.count),
                digits.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(digits), number <= length
            else { return nil }
            length = number
        }
        guard Self.hostBitsAreZero(bytes, prefixLength: length) else { return nil }
        if let mapped = IPText.unmapped(bytes), length >= 96 {
            bytes = mapped
            length -= 96
        }
        self.base = bytes
        self.prefixLength = length
    }

    /// Whether the address (4 or 16 bytes, network order) lies in the block.
    ///
    /// False for any other length.
    package func contains(_ address: [UInt8]) -> Bool {
        let address = IPText.unmapped(address) ?? address
        guard address.count == base.count else { return false }
        for index in base.indices {
            let bits = min(8, max(0, prefixLength - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xff00 >> bits)
            if address[index] & mask != base[index] & mask { return false }
        }
        return true
    }

    /// Whether every address in the block is this machine itself: 127.0.0.0/8 and ::1.
    package var isLoopback: Bool {
        base.count == 4 ? prefixLength >= 8 && base[0] == 127 : prefixLength == 128 && IPText.isLoopback(base)
    }

    package var description: String { "\(IPText.format(base))/\(prefixLength)" }

    private static func hostBitsAreZero(_ bytes: [UInt8], prefixLength: Int) -> Bool {
        bytes.indices.allSatisfy { index in
            let bits = min(8, max(0, prefixLength - index * 8))
            return bytes[index] & ~UInt8(truncatingIfNeeded: 0xff00 >> bits) == 0
        }
    }
}
