// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail

/// A host that takes mail for a domain.
struct MailExchange: Hashable, Sendable {
    let preference: UInt16
    /// Lower case, A-labels; or an IP address, which some zones have here against the rules.
    let host: String
}

/// The order in which a domain's mail hosts are tried (RFC 5321 §5.1, RFC 7505).
///
/// Pure.
enum MailExchangeOrder {
    enum Choice: Hashable, Sendable {
        case hosts([MailExchange])
        /// There are no MX records: the domain's own address counts as one.
        case implicit
        /// A null MX: the domain takes no mail.
        case refusesMail
        /// We are the best host that there is: passing it on would go round in circles.
        case loop
        /// There are records and none names a host.
        case unusable
    }

    /// Sorted by preference, shuffled among equals.
    ///
    /// Where one of `ownNames` (lower case) is among the hosts, only better ones are left.
    static func choose(
        _ records: [DNSRecord],
        ownNames: Set<String>,
        using random: inout some RandomNumberGenerator
    ) -> Choice {
        let exchanges = records.compactMap { record -> MailExchange? in
            guard case .mx(let preference, let exchange) = record else { return nil }
            return MailExchange(preference: preference, host: exchange.lowercased())
        }
        if exchanges.isEmpty { return .implicit }
        let named = exchanges.filter { !$0.host.isEmpty }
        // RFC 7505 §3: a null MX stands alone; beside others it is a mistake and means nothing.
        if named.isEmpty { return .refusesMail }
        let usable = named.filter { isHost($0.host) }
        if usable.isEmpty { return .unusable }
        let own = usable.filter { ownNames.contains($0.host) }.map(\.preference).min()
        let better = usable.filter { exchange in own.map { exchange.preference < $0 } ?? true }
        if better.isEmpty { return .loop }
        // The sort keeps the order of equals, so the shuffle decides among them.
        return .hosts(better.shuffled(using: &random).sorted { $0.preference < $1.preference })
    }

    /// Letters, digits, hyphens, underscores and dots: a name that can be looked up.
    ///
    /// An escape (`\046`) never is.
    private static func isHost(_ name: String) -> Bool {
        name.utf8.count <= 253
            && name.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2d || byte == 0x2e
                    || byte == 0x5f
            }
    }
}
