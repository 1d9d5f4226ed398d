// SPDX-License-Identifier: Apache-2.0

package import Mail

/// How an operator names keys: a fingerprint, at least its last 16 digits, or an address.
package enum KeySelector: Sendable {
    /// Upper-case hexadecimal, 16 to 64 digits.
    case fingerprint(String)
    case address(EmailAddress)

    /// Takes a fingerprint with or without `0x` and with blanks between its groups.
    ///
    /// `nil` when `text` is neither.
    package init?(_ text: String) {
        if text.contains("@") {
            guard let address = EmailAddress(text) else { return nil }
            self = .address(address)
            return
        }
        var digits = text.filter { $0 != " " && $0 != ":" }.uppercased()
        if digits.hasPrefix("0X") { digits.removeFirst(2) }
        guard (16...64).contains(digits.utf8.count), digits.utf8.allSatisfy(Self.isHexDigit) else { return nil }
        self = .fingerprint(digits)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (65...70).contains(byte) }
}
