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
}
