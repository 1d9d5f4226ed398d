// SPDX-License-Identifier: Apache-2.0

/// A domain name as mail uses it (RFC 5321 4.1.2), with letters of any script (RFC 6531).
///
/// Two domains are equal when their ``key`` is: case, normalization form, and U-label against A-label do not count.
/// Address literals (`[192.0.2.1]`) and bare IPv4 addresses are not domains.
package struct Domain: Hashable, Sendable {
    /// The name as it came, without a trailing dot.
    package let wire: String
    /// Lower-case A-labels, for comparing and for look-ups.
    package let key: String

    /// Takes a name with or without a trailing dot; `nil` when it is no valid domain: a label outside 1...63 octets,
    /// over 255 octets in all, a character that no label may have, or a last label that resolvers read as a number.
    package init?(_ text: String) {
        var bytes = Array(text.utf8)
        if bytes.last == ASCII.dot { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 1024 else { return nil }
        let wire = String(decoding: bytes, as: UTF8.self)
        guard let key = bytes.contains(where: { $0 >= 0x80 }) ? Self.encoded(wire) : Self.lowered(bytes) else {
            return nil
        }
        self.wire = wire
        self.key = key
    }

    /// Whether the name goes to a server without SMTPUTF8 as it is.
    package var isASCII: Bool { wire.utf8.allSatisfy { $0 < 0x80 } }

    package static func == (left: Domain, right: Domain) -> Bool { left.key == right.key }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// Lower-case of an ASCII name, when it follows the rules.
    private static func lowered(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= 255 else { return nil }
        var labelStart = 0
        for index in 0...bytes.count where index == bytes.count || bytes[index] == ASCII.dot {
            guard isLabel(bytes[labelStart..<index]) else { return nil }
            if index == bytes.count, isNumber(bytes[labelStart..<index]) { return nil }
            labelStart = index + 1
        }
        return String(decoding: ASCII.lower(bytes), as: UTF8.self)
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard let first = label.first, let last = label.last, label.count <= 63 else { return false }
        guard first != ASCII.hyphen, last != ASCII.hyphen else { return false }
        return label.allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == ASCII.hyphen }
    }

    /// What `inet_aton` takes for (part of) an address: such a name must not reach a resolver.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy(ASCII.isDigit) { return true }
        guard ASCII.hasPrefix(label, ignoringCase: "0x".utf8) else { return false }
        return label.dropFirst(2).allSatisfy { ASCII.isDigit($0) || (ASCII.lower($0) >= 97 && ASCII.lower($0) <= 102) }
    }

    private static func encoded(_ text: String) -> String? {
        var labels: [String] = []
        for label in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard let encoded = encodedLabel(String(label)) else { return nil }
            labels.append(encoded)
        }
        return lowered(Array(labels.joined(separator: ".").utf8))
    }

    private static func encodedLabel(_ label: String) -> String? {
        if label.utf8.allSatisfy({ $0 < 0x80 }) { return label }
        // Bounded before anything that costs more than one step for each character.
        guard label.utf8.count <= 256 else { return nil }
        let scalars = Array(label.lowercased().composed.unicodeScalars)
        let hyphens = scalars.count >= 4 && scalars[2] == "-" && scalars[3] == "-"
        guard !hyphens, let first = scalars.first, isLabelScalars(scalars), !isMark(first) else { return nil }
        return Punycode.encode(scalars).map { "xn--" + $0 }
    }

    /// RFC 5892, near enough: letters, marks and digits that survive normalization form KC, and the joiners after a
    /// virama.
    ///
    /// What it leaves out (the rules that look at whole scripts) only makes names that no registry sells.
    private static func isLabelScalars(_ scalars: [Unicode.Scalar]) -> Bool {
        var previous: Unicode.Scalar?
        for scalar in scalars {
            defer { previous = scalar }
            switch scalar.value {
            case 0x200C, 0x200D:
                guard previous?.properties.canonicalCombiningClass == .virama else { return false }
            case 0x2D, 0xDF, 0x3C2, 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, 0x6FD, 0x6FE, 0xF0B, 0x3007: continue
            default:
                guard !scalar.properties.changesWhenNFKCCaseFolded, isLetterMarkOrDigit(scalar) else { return false }
            }
        }
        return true
    }

    private static func isLetterMarkOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            let byte = UInt8(truncatingIfNeeded: scalar.value)
            return ASCII.isLetter(byte) || ASCII.isDigit(byte)
        }
        switch scalar.properties.generalCategory {
        case .lowercaseLetter, .otherLetter, .modifierLetter, .decimalNumber, .nonspacingMark, .spacingMark: return true
        default: return false
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }
}
