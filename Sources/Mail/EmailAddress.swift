// SPDX-License-Identifier: Apache-2.0

/// One mailbox: `local@domain` (RFC 5321 4.1.2 Mailbox, with UTF-8 as in RFC 6531).
///
/// Two addresses are equal when their ``lookupKey`` is. An address tells about a person, so it has no description, and
/// interpolating one into a string does not compile.
package struct EmailAddress: Hashable, Sendable {
    /// The local part's value, without quotes and backslashes: 1...64 octets without controls.
    package let localPart: String
    package let domain: Domain

    /// Reads `local@domain`, the local part plain or quoted.
    ///
    /// `nil` for anything else: a local part over 64 octets or with controls, an address literal, a display name,
    /// angle brackets, a comment, white space around it.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= 1100, let at = Self.separator(in: bytes) else { return nil }
        guard let local = bytes.first == ASCII.quote ? Self.unquoted(bytes[1..<(at - 1)]) : Self.dotString(bytes[..<at])
        else { return nil }
        guard let domain = Domain(String(decoding: bytes[(at + 1)...], as: UTF8.self)) else { return nil }
        self.init(localPart: local, domain: domain)
    }

    /// Makes an address from a local part's value, which may hold anything that a quoted string can.
    package init?(localPart: String, domain: Domain) {
        guard (1...64).contains(localPart.utf8.count) else { return nil }
        // Controls of ASCII and of Latin-1 can't stand in an address, however it is quoted (RFC 5321 4.1.2 qtextSMTP).
        for scalar in localPart.unicodeScalars where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
            return nil
        }
        self.localPart = localPart
        self.domain = domain
    }

    /// The address as it goes into `<>`: quoted where needed.
    ///
    /// Never holds CR, LF, NUL or a special outside quotes.
    package var wire: String {
        let bytes = Array(localPart.utf8)
        if Self.dotString(bytes[...]) != nil { return localPart + "@" + domain.wire }
        var quoted: [UInt8] = [ASCII.quote]
        for byte in bytes {
            if byte == ASCII.quote || byte == ASCII.backslash { quoted.append(ASCII.backslash) }
            quoted.append(byte)
        }
        quoted.append(ASCII.quote)
        return String(decoding: quoted, as: UTF8.self) + "@" + domain.wire
    }

    /// What the address is found by: the local part folded to lower case and normalization form C, then the domain's
    /// key.
    package var lookupKey: String { Self.folded(localPart) + "@" + domain.key }

    /// Whether the address goes to a server without SMTPUTF8 as it is.
    package var isASCII: Bool { domain.isASCII && localPart.utf8.allSatisfy { $0 < 0x80 } }

    /// The address that `alice+tag@d` belongs to: `alice@d`.
    ///
    /// `nil` when there is no tag or nothing before it.
    package func withoutTag(_ separator: Character) -> EmailAddress? {
        guard let index = localPart.firstIndex(of: separator), index > localPart.startIndex else { return nil }
        return EmailAddress(localPart: String(localPart[..<index]), domain: domain)
    }

    package static func == (left: EmailAddress, right: EmailAddress) -> Bool { left.lookupKey == right.lookupKey }

    package func hash(into hasher: inout Hasher) { hasher.combine(lookupKey) }

    private static func folded(_ text: String) -> String {
        let bytes = Array(text.utf8)
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: ASCII.lower(bytes), as: UTF8.self) }
        return text.lowercased().composed
    }

    /// Where the `@` between local part and domain stands: after the closing quote, or the only one there is.
    private static func separator(in bytes: [UInt8]) -> Int? {
        guard bytes.first == ASCII.quote else { return bytes.firstIndex(of: ASCII.at) }
        var index = 1
        while index < bytes.count {
            if bytes[index] == ASCII.backslash {
                index += 2
            } else if bytes[index] == ASCII.quote {
                return index + 1 < bytes.count && bytes[index + 1] == ASCII.at ? index + 1 : nil
            } else {
                index += 1
            }
        }
        return nil
    }

    /// The value between the quotes, backslashes undone.
    private static func unquoted(_ bytes: ArraySlice<UInt8>) -> String? {
        var value: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == ASCII.backslash { index += 1 }
            guard index < bytes.endIndex else { return nil }
            value.append(bytes[index])
            index += 1
        }
        return String(validating: value, as: UTF8.self)
    }

    /// RFC 5321 Dot-string: atoms between single dots.
    private static func dotString(_ bytes: ArraySlice<UInt8>) -> String? {
        guard let first = bytes.first, let last = bytes.last, first != ASCII.dot, last != ASCII.dot else { return nil }
        var previous: UInt8 = 0
        for byte in bytes {
            guard ASCII.isAtext(byte) || (byte == ASCII.dot && previous != ASCII.dot) else { return nil }
            previous = byte
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension EmailAddress: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension DefaultStringInterpolation {
    @available(*, unavailable, message: "an address must not become text; ask for its wire form where it must")
    package mutating func appendInterpolation(_ value: EmailAddress) {}
}
