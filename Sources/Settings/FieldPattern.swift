// SPDX-License-Identifier: Apache-2.0

/// A header field's name, or the beginning of one before a `*`.
///
/// Case does not count.
struct FieldPattern {
    /// What RFC 5322 section 3.6 and RFC 2045 ask for, what a body can't be read without, and what stops loops.
    static let neededFields = [
        "From", "Date", "Message-ID", "To", "Cc", "Subject", "Received", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding",
    ]

    private let name: String
    private let isPrefix: Bool

    /// Nil when the text is no field name (RFC 5322 section 3.6.8).
    init?(_ text: String) {
        isPrefix = text.hasSuffix("*")
        name = (isPrefix ? String(text.dropLast()) : text).lowercased()
        guard (1...76).contains(name.utf8.count),
            name.utf8.allSatisfy({ (33...126).contains($0) && $0 != 58 && $0 != 42 })
        else {
            return nil
        }
    }

    /// Whether some field matches both.
    func overlaps(_ other: FieldPattern) -> Bool {
        switch (isPrefix, other.isPrefix) {
        case (true, true): name.hasPrefix(other.name) || other.name.hasPrefix(name)
        case (true, false): other.name.hasPrefix(name)
        case (false, true): name.hasPrefix(other.name)
        case (false, false): name == other.name
        }
    }

    func matches(_ field: String) -> Bool {
        isPrefix ? field.lowercased().hasPrefix(name) : field.lowercased() == name
    }
}
