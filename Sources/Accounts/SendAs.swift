// SPDX-License-Identifier: Apache-2.0

package import Mail

/// What an account may send as beside its own addresses: a role address, or any address of a domain.
package enum SendAs: Sendable, Hashable {
    case address(EmailAddress)
    case domain(Domain)

    /// `office@example.org` or `*@example.org`; nil for anything else.
    package init?(_ text: String) {
        if text.hasPrefix("*@") {
            guard let domain = Domain(String(text.dropFirst(2))) else { return nil }
            self = .domain(domain)
        } else {
            guard let address = EmailAddress(text) else { return nil }
            self = .address(address)
        }
    }

    /// As the operator writes it.
    package var text: String {
        switch self {
        case .address(let address): address.wire
        case .domain(let domain): "*@" + domain.wire
        }
    }

    /// Whether it allows `address`, with any tag.
    func covers(_ address: EmailAddress, tagSeparator: Character?) -> Bool {
        switch self {
        case .domain(let domain): return address.domain == domain
        case .address(let own):
            if own.lookupKey == address.lookupKey { return true }
            guard let separator = tagSeparator, let plain = address.withoutTag(separator) else { return false }
            return own.lookupKey == plain.lookupKey
        }
    }
}
