// SPDX-License-Identifier: Apache-2.0

/// What a server says with XFORWARD of the client that it has the mail from (Postfix, XFORWARD_README).
///
/// It prints as nothing: it tells about a person.
package struct ForwardedClient: Sendable, Hashable {
    package enum Attribute: String, Sendable, CaseIterable {
        case name = "NAME"
        case addr = "ADDR"
        case port = "PORT"
        case proto = "PROTO"
        case helo = "HELO"
        case ident = "IDENT"
        case source = "SOURCE"
    }

    /// In xtext, as they came: at most 255 octets each.
    private var values: [Attribute: String] = [:]

    package init() {}

    /// Reads `NAME=VALUE` words; nil when one is not known, comes twice, or is no xtext.
    init?(_ words: [ArraySlice<UInt8>]) {
        guard !words.isEmpty else { return nil }
        for word in words {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let value = word[word.index(after: equals)...]
            guard let attribute = Attribute(rawValue: String(decoding: word[..<equals], as: UTF8.self).uppercased()),
                (1...255).contains(value.count), XText.decode(value) != nil,
                values.updateValue(String(decoding: value, as: UTF8.self), forKey: attribute) == nil
            else { return nil }
        }
    }

    /// What is said later stands in place of what was said before.
    package mutating func merge(_ later: ForwardedClient) {
        values.merge(later.values) { $1 }
    }

    /// The keyword of the answer to EHLO.
    package static let keyword = "XFORWARD " + Attribute.allCases.map(\.rawValue).joined(separator: " ")

    /// One command for each attribute that the other side offers to take.
    package func commands(for offered: Set<String>) -> [String] {
        Attribute.allCases.compactMap { attribute in
            guard offered.contains(attribute.rawValue), let value = values[attribute] else { return nil }
            return "XFORWARD \(attribute.rawValue)=\(value)\r\n"
        }
    }
}

extension ForwardedClient: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "ForwardedClient" }
    package var debugDescription: String { "ForwardedClient" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
