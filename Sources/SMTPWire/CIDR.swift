// SPDX-License-Identifier: Apache-2.0

/// A block of addresses, `192.0.2.0/24` or `2001:db8::/32`; a lone address is the block of itself.
package struct CIDR: Sendable, Hashable {
    package let network: IPAddress
    /// 0...32 or 0...128.
    package let prefixLength: Int

    /// `nil` for anything malformed, and for bits set beyond the prefix: `10.0.0.1/8` is most likely a mistake.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let network = IPAddress(String(first)) else { return nil }
        let width = network.bytes.count * 8
        var length = width
        if let second = parts.dropFirst().first {
            guard let value = SMTPCommandParser.decimal(Array(second.utf8)[...], maxDigits: 3) else { return nil }
            // A mapped network was written with an IPv6 prefix length.
            length = network.isIPv4 && first.contains(":") ? value - 96 : value
        }
        self.init(network: network, prefixLength: length)
    }

    package init?(network: IPAddress, prefixLength: Int) {
        guard (0...(network.bytes.count * 8)).contains(prefixLength) else { return nil }
        self.network = network
        self.prefixLength = prefixLength
        guard CIDR.masked(network.bytes, prefixLength) == network.bytes else { return nil }
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == network.bytes.count && CIDR.masked(address.bytes, prefixLength) == network.bytes
    }

    package var text: String { "\(network.text)/\(prefixLength)" }

    private static func masked(_ bytes: [UInt8], _ length: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let kept = min(max(length - index * 8, 0), 8)
            return kept == 0 ? 0 : byte & (0xFF << UInt8(8 - kept))
        }
    }
}
