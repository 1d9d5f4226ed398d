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

extension Notify {
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

extension OriginalRecipient {
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
