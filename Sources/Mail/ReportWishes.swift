// SPDX-License-Identifier: Apache-2.0

/// When a sender wants to hear about a recipient: NOTIFY= (RFC 3461 §4.1).
///
/// The empty set is NEVER.
package struct Notify: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue & 7 }

    package static let success = Notify(rawValue: 1)
    package static let failure = Notify(rawValue: 2)
    package static let delay = Notify(rawValue: 4)
    package static let never: Notify = []
}

/// The address that the sender first wrote: ORCPT= (RFC 3461 §4.2, RFC 6533 §3).
package struct OriginalRecipient: Sendable, Hashable {
    /// `rfc822`, `utf-8` or another registered type, lower case.
    package let addressType: String
    /// Decoded: no control characters; non-ASCII only with `utf-8`.
    package let address: String

    /// Refuses types that are no atom and addresses that hold control characters or more than 500 octets.
    package init?(addressType: String, address: String) {
        let type = addressType.lowercased()
        let isAtom = type.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
        guard !type.isEmpty, type.utf8.count <= 32, isAtom else { return nil }
        guard !address.isEmpty, address.utf8.count <= 500 else { return nil }
        guard address.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
            return nil
        }
        guard type == "utf-8" || address.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        self.addressType = type
        self.address = address
    }
}

extension OriginalRecipient: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "OriginalRecipient" }
    package var debugDescription: String { "OriginalRecipient" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
