// SPDX-License-Identifier: Apache-2.0

/// Who gets the bounce: the address in `MAIL FROM`, or nobody (`<>`), RFC 5321 4.5.5.
package enum ReversePath: Hashable, Sendable {
    /// `MAIL FROM:<>`: a report or an automatic answer. Nothing is ever sent back for it.
    case null
    case address(EmailAddress)

    /// The address, when there is one.
    package var address: EmailAddress? {
        if case .address(let address) = self { address } else { nil }
    }

    /// What stands between the angle brackets.
    package var wire: String { address?.wire ?? "" }
}

extension ReversePath: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension DefaultStringInterpolation {
    @available(*, unavailable, message: "an address must not become text; ask for its wire form where it must")
    package mutating func appendInterpolation(_ value: ReversePath) {}
}
