// SPDX-License-Identifier: Apache-2.0

package import SMTPWire
package import Settings

/// Which addresses a look-up may connect to: those of the public internet, and what the operator allows beside them.
///
/// A stranger chooses the names that are fetched from, and so the addresses: none of them may lead into this machine or
/// its network.
package struct AddressVetting: Sendable {
    private let allowed: [NetworkRange]

    package init(allowPrivate: [NetworkRange] = []) { allowed = allowPrivate }

    package func permits(_ address: IPAddress) -> Bool {
        allowed.contains { $0.contains(address.bytes) } || AddressVetting.isPublic(address)
    }

    /// Whether the address is a host of the public internet, reached without a gateway that would stand for another address.
    package static func isPublic(_ address: IPAddress) -> Bool {
        if address.isIPv4 { return !specialIPv4.contains { $0.contains(address.bytes) } }
        guard globalUnicast.contains(where: { $0.contains(address.bytes) }), !isTunnel(address.bytes) else {
            return false
        }
        return !specialIPv6.contains { $0.contains(address.bytes) }
    }

    /// An interface identifier that carries an IPv4 address (ISATAP, RFC 5214 §6.1).
    private static func isTunnel(_ bytes: [UInt8]) -> Bool {
        bytes.count == 16 && bytes[8] & 0xfd == 0 && Array(bytes[9...11]) == [0, 0x5e, 0xfe]
    }

    /// IANA's special-purpose registry (RFC 6890), multicast and what is reserved.
    static let specialIPv4Texts = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ]

    /// Protocol assignments with Teredo among them, documentation, 6to4 and AS112, all within 2000::/3.
    static let specialIPv6Texts = [
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    ]

    /// Everything else is loopback, mapped, NAT64, unique local, link-local, multicast or not assigned.
    static let globalUnicastTexts = ["2000::/3"]

    static let specialIPv4 = specialIPv4Texts.compactMap { NetworkRange($0) }
    static let specialIPv6 = specialIPv6Texts.compactMap { NetworkRange($0) }
    static let globalUnicast = globalUnicastTexts.compactMap { NetworkRange($0) }
}
