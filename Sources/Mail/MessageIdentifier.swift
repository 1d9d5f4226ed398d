// SPDX-License-Identifier: Apache-2.0

/// Message identifiers (RFC 5322 3.6.4): making them, and replacing those that name a host nobody should know of.
package enum MessageIdentifier {
    /// Names under which no host in the public Internet stands: they tell about a private network or a device.
    private static let localSuffixes = [
        "local", "lan", "internal", "home.arpa", "localdomain", "localhost", "home", "corp", "intranet", "private",
        "mshome.net", "fritz.box",
    ]

    /// `<...@domain>` from random bytes (16 are plenty): for a message that has no identifier.
    package static func make(from random: [UInt8], at domain: Domain) -> String {
        "<" + Base32.encode(random) + "@" + domain.key + ">"
    }

    /// Whether the part behind the `@` betrays a host: no dot in it, a local suffix, an address, or a listed name.
    static func betraysHost(_ host: ArraySlice<UInt8>, localHostNames: Set<String>) -> Bool {
        var host = ASCII.lower(host)
        while host.last == ASCII.dot { host.removeLast() }
        guard host.contains(ASCII.dot), host.first != ASCII.openBracket, !host.contains(ASCII.colon) else {
            return true
        }
        if host.allSatisfy({ ASCII.isDigit($0) || $0 == ASCII.dot }) { return true }
        return (localSuffixes + localHostNames).contains { isName(host, in: ASCII.lower($0.utf8)) }
    }

    private static func isName(_ host: [UInt8], in suffix: [UInt8]) -> Bool {
        guard host.count > suffix.count else { return host == suffix }
        return host.suffix(suffix.count).elementsEqual(suffix) && host[host.count - suffix.count - 1] == ASCII.dot
    }

    /// A field's bytes with each identifier replaced for which `replacement` gives another.
    ///
    /// Everything else, folds and comments included, stays as it is. Identifiers stand between angle brackets; in a
    /// field without any, each word counts as one.
    static func rewrite(_ field: ArraySlice<UInt8>, replacement: (ArraySlice<UInt8>) -> [UInt8]?) -> [UInt8] {
        let hasBrackets = field.contains(ASCII.less)
        var output: [UInt8] = []
        var index = field.startIndex
        while index < field.endIndex {
            guard !hasBrackets || field[index] == ASCII.less else {
                output.append(field[index])
                index += 1
                continue
            }
            let start = hasBrackets ? index + 1 : index
            var end = start
            while end < field.endIndex, hasBrackets ? field[end] != ASCII.greater : !ASCII.isSpace(field[end]) {
                end += 1
            }
            if hasBrackets { output.append(ASCII.less) }
            output.append(contentsOf: replacement(field[start..<end]) ?? Array(field[start..<end]))
            if end < field.endIndex { output.append(field[end]) }
            index = end + 1
        }
        return output
    }
}
