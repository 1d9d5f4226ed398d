// SPDX-License-Identifier: Apache-2.0

/// Addresses that somebody may send as: one, or all of a domain.
package enum AddressPattern: Hashable, Sendable {
    case address(EmailAddress)
    case domain(Domain)

    /// Reads `name@example.org` or `*@example.org`; `nil` for anything else.
    package init?(_ text: String) {
        if text.hasPrefix("*@") {
            guard let domain = Domain(String(text.dropFirst(2))) else { return nil }
            self = .domain(domain)
        } else {
            guard let address = EmailAddress(text) else { return nil }
            self = .address(address)
        }
    }

    /// Whether `address` is meant, with any tag behind the local part.
    package func matches(_ address: EmailAddress, tagSeparator: Character?) -> Bool {
        switch self {
        case .domain(let domain): return address.domain == domain
        case .address(let own):
            if own == address { return true }
            return tagSeparator.flatMap { address.withoutTag($0) } == own
        }
    }

    /// The pattern as it is written.
    package var wire: String {
        switch self {
        case .address(let address): address.wire
        case .domain(let domain): "*@" + domain.wire
        }
    }
}

extension AddressPattern: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension DefaultStringInterpolation {
    @available(*, unavailable, message: "an address must not become text; ask for its wire form where it must")
    package mutating func appendInterpolation(_ value: AddressPattern) {}
}
