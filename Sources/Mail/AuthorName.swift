// SPDX-License-Identifier: Apache-2.0

/// The name that stands before an address in `From`, in a form that may go into another field.
package enum AuthorName {
    private static let longest = 200

    /// The display name of a field value with one mailbox, ready to be part of a phrase (RFC 5322 section 3.2.5).
    ///
    /// Encoded words (RFC 2047) stay as they are, everything else goes into quotes. Nil where there is no name, or
    /// one that holds anything but words.
    package static func phrase(of fieldValue: [UInt8]) -> String? {
        var lexer = StructuredLexer(fieldValue)
        var parts: [String] = []
        var plain = ""
        var isJoined = true
        func flush() {
            if !plain.isEmpty { parts.append(quoted(plain)) }
            plain = ""
            isJoined = true
        }
        reading: while let token = lexer.next() {
            switch token {
            case .atom(let word):
                guard let text = printable(word) else { return nil }
                if text.hasPrefix("=?"), text.hasSuffix("?="), text.utf8.count <= 75 {
                    flush()
                    parts.append(text)
                } else {
                    plain += (isJoined ? "" : " ") + text
                    isJoined = false
                }
            case .quoted(let word):
                guard let text = printable(word[...]) else { return nil }
                plain += (isJoined ? "" : " ") + text
                isJoined = false
            case .special(ASCII.dot): plain += "."
            case .special(ASCII.less): break reading
            case .special, .literal: return nil
            }
        }
        // Without an angle bracket the words were an address.
        guard fieldValue.contains(ASCII.less) else { return nil }
        flush()
        let phrase = parts.joined(separator: " ")
        return phrase.isEmpty || phrase.utf8.count > longest ? nil : phrase
    }

    /// A quoted string; controls and bytes above 126 must not be in it.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text.unicodeScalars where character.value >= 0x20 && character.value < 0x7F {
            if character == "\"" || character == "\\" { result += "\\" }
            result.unicodeScalars.append(character)
        }
        return result + "\""
    }

    private static func printable(_ word: ArraySlice<UInt8>) -> String? {
        word.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? String(decoding: word, as: UTF8.self) : nil
    }
}
