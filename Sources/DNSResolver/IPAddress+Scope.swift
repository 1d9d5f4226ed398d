// SPDX-License-Identifier: Apache-2.0

package import SMTPWire

/// What a mail client has to ask of an address before it connects there.
extension IPAddress {
    /// `0.0.0.0/8` and `::`: no host has them; a system connects to itself there.
    package var isUnspecified: Bool { isIPv4 ? bytes.first == 0 : bytes.allSatisfy { $0 == 0 } }

    /// Multicast and the limited broadcast address: nothing that a TCP connection can reach.
    package var isMulticastOrBroadcast: Bool {
        guard let first = bytes.first else { return true }
        return isIPv4 ? (224...239).contains(first) || bytes.allSatisfy { $0 == 255 } : first == 0xff
    }

    /// `169.254.0.0/16` and `fe80::/10`: meaningless without a zone, and where cloud hosts keep their secrets.
    package var isLinkLocal: Bool {
        guard bytes.count >= 4 else { return false }
        return isIPv4 ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
    }

    /// The name under which the address's own name is kept (RFC 1035 section 3.5, RFC 3596 section 2.5).
    package var reverseName: String {
        if isIPv4 { return bytes.reversed().map { String($0) }.joined(separator: ".") + ".in-addr.arpa" }
        let digits = bytes.reversed().flatMap { [$0 & 15, $0 >> 4] }.map { String($0, radix: 16) }
        return digits.joined(separator: ".") + ".ip6.arpa"
    }
}
