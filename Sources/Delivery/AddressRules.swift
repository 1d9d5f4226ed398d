// SPDX-License-Identifier: Apache-2.0

import DNSResolver
package import SMTPWire

/// Which addresses of a mail host may be connected to.
///
/// The DNS of a recipient's domain is a stranger's word: it must not make the gateway talk to itself or to its host's
/// neighbours by magic addresses.
package struct AddressRules: Sendable {
    /// Loopback addresses are fine: for tests only.
    package var allowsLoopback: Bool
    package var allowsIPv4: Bool
    package var allowsIPv6: Bool
    /// Addresses that are this gateway's own.
    package var own: Set<IPAddress>

    package init(
        allowsLoopback: Bool = false,
        allowsIPv4: Bool = true,
        allowsIPv6: Bool = true,
        own: Set<IPAddress> = []
    ) {
        self.allowsLoopback = allowsLoopback
        self.allowsIPv4 = allowsIPv4
        self.allowsIPv6 = allowsIPv6
        self.own = own
    }

    func allows(_ address: IPAddress) -> Bool {
        guard address.isIPv4 ? allowsIPv4 : allowsIPv6 else { return false }
        if address.isUnspecified || address.isMulticastOrBroadcast || address.isLinkLocal { return false }
        if address.isLoopback && !allowsLoopback { return false }
        return !own.contains(address)
    }

    /// The addresses that may be tried, IPv6 and IPv4 in turn, IPv6 first, so that a broken family costs one attempt and not all.
    func order(_ addresses: [IPAddress]) -> [IPAddress] {
        let allowed = addresses.filter(allows)
        let six = allowed.filter { !$0.isIPv4 }
        let four = allowed.filter(\.isIPv4)
        var ordered: [IPAddress] = []
        for index in 0..<max(six.count, four.count) {
            if index < six.count { ordered.append(six[index]) }
            if index < four.count { ordered.append(four[index]) }
        }
        return ordered
    }
}
