// SPDX-License-Identifier: Apache-2.0

package import Mail

/// What RCPT says: the forward path and its DSN parameters (RFC 5321 §4.1.1.3, RFC 3461).
package struct RcptParameters: Sendable, Hashable {
    /// The final mailbox.
    ///
    /// A source route before it has been dropped (RFC 5321 appendix C); nothing is ever decided on one.
    package enum ForwardPath: Sendable, Hashable {
        case address(EmailAddress)
        /// `<postmaster>` without a domain (RFC 5321 §4.5.1).
        case postmaster
    }

    package var forwardPath: ForwardPath
    /// `nil` when the client said nothing: failures, and delays as the server sees fit.
    package var notify: Notify?
    package var orcpt: OriginalRecipient?

    package init(forwardPath: ForwardPath, notify: Notify? = nil, orcpt: OriginalRecipient? = nil) {
        self.forwardPath = forwardPath
        self.notify = notify
        self.orcpt = orcpt
    }

    /// The address, with `domain` for a bare postmaster.
    package func address(postmasterAt domain: Domain) -> EmailAddress? {
        switch forwardPath {
        case .address(let address): address
        case .postmaster: EmailAddress(localPart: "postmaster", domain: domain)
        }
    }
}

extension RcptParameters: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "RcptParameters" }
    package var debugDescription: String { "RcptParameters" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

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

    /// The value as MAIL's parameter carries it.
    package var wire: String {
        if isEmpty { return "NEVER" }
        var words: [String] = []
        if contains(.success) { words.append("SUCCESS") }
        if contains(.failure) { words.append("FAILURE") }
        if contains(.delay) { words.append("DELAY") }
        return words.joined(separator: ",")
    }
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

    /// The value as RCPT's parameter carries it, in xtext; non-ASCII as `\x{…}` (RFC 6533 §3), so that any server can take it.
    package var wire: String {
        var embedded = ""
        for scalar in address.unicodeScalars {
            if addressType == "utf-8", scalar.value >= 0x7F || scalar == "\\" || scalar == "+" || scalar == "=" {
                embedded += "\\x{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            } else if addressType == "utf-8", scalar == " " {
                embedded += "\\x{20}"
            } else {
                embedded.unicodeScalars.append(scalar)
            }
        }
        return addressType + ";" + (addressType == "utf-8" ? embedded : XText.encode(embedded))
    }
}

extension OriginalRecipient: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "OriginalRecipient" }
    package var debugDescription: String { "OriginalRecipient" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
