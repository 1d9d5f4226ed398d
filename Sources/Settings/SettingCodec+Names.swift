// SPDX-License-Identifier: Apache-2.0

import Mail

extension SettingCodec where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a few words.
    static func word(_ type: Value.Type = Value.self) -> SettingCodec {
        let words = Value.allCases.map(\.rawValue)
        let head = words.dropLast().map(quoted).joined(separator: ", ")
        let listed = (head.isEmpty ? "" : head + " or ") + words.suffix(1).map(quoted).joined()
        let possible = words.map { "`\(quoted($0))`" }.joined(separator: ", ")
        return SettingCodec("a word", plural: "words", possible: possible) { node, reading in
            guard case .text(let text) = node.value else {
                return reading.fail(node, "this is \(node.kindName), not a word", "use \(listed)")
            }
            if let value = Value(rawValue: text) { return value }
            let near = Spelling.nearest(to: text, among: words).map { "\(quoted($0)) perhaps; possible are " } ?? ""
            return reading.fail(node, "\(quoted(text)) is not possible here", "use \(near)\(listed)")
        } encode: {
            quoted($0.rawValue)
        }
    }
}

extension SettingCodec where Value == String {
    /// Any text but the empty one.
    static var anyText: SettingCodec {
        text("text", plural: "texts", example: "alice") { text, node, reading in
            guard !text.isEmpty, !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
                return reading.fail(
                    node,
                    "the text is empty or holds control characters",
                    "write the value, or remove the line"
                )
            }
            return text
        } encode: {
            $0
        }
    }

    /// A path; a relative one starts at the directory of the settings file.
    static var path: SettingCodec {
        text("a path", plural: "paths", example: "/etc/postern/key.pem") { text, node, reading in
            FilePath.resolve(text, in: reading.directory)
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not a path",
                    "write a path, absolute or from this file's directory"
                )
        } encode: {
            $0
        }
    }

    static var ipAddress: SettingCodec {
        text("an IP address", plural: "IP addresses", example: "127.0.0.1") { text, node, reading in
            IPText.parse(text).map { IPText.format($0) }
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not an IP address",
                    "write one such as \"127.0.0.1\" or \"::1\"; names and ports don't belong here"
                )
        } encode: {
            $0
        }
    }

    /// A host's name as it may stand on the right side of a Message-ID; single labels are common there.
    static var hostName: SettingCodec {
        text("a host name", plural: "host names", example: "web1.internal") { text, node, reading in
            Domain(text).map(\.key)
                ?? reading.fail(node, "\(quoted(text)) is not a host name", "write a name such as \"web1.internal\"")
        } encode: {
            $0
        }
    }
}

extension SettingCodec where Value == Character {
    /// One character that may part a mailbox name from its tag.
    static var separator: SettingCodec {
        text("one character", plural: "characters", possible: "one of `+-=_#~`", example: "+") { text, node, reading in
            guard text.count == 1, let character = text.first, "+-=_#~".contains(character) else {
                return reading.fail(
                    node,
                    "\(quoted(text)) can't part a name from its tag",
                    "use one of + - = _ # ~, or \"\" to switch tags off"
                )
            }
            return character
        } encode: {
            String($0)
        }
    }
}

extension SettingCodec where Value == Character? {
    /// A separator, or the empty text for none.
    static var separatorOrNone: SettingCodec {
        let base = SettingCodec<Character>.separator
        return SettingCodec(base.name, plural: base.plural, possible: "one of `+-=_#~`, or `\"\"` for none") {
            node,
            reading in
            if case .text("") = node.value { return .some(nil) }
            return base.decode(node, &reading).map { $0 }
        } encode: {
            quoted($0.map { String($0) } ?? "")
        }
    }
}

extension SettingCodec where Value == Domain {
    static var domain: SettingCodec {
        text("a domain", plural: "domains", example: "example.org") { text, node, reading in
            Domain(text)
                ?? reading.fail(node, "\(quoted(text)) is not a domain", "write a name such as \"example.org\"")
        } encode: {
            $0.wire
        }
    }

    /// A domain whose mail is taken from strangers: `*` would make an open relay.
    static var acceptedDomain: SettingCodec {
        text("a domain", plural: "domains", example: "example.org") { text, node, reading in
            if text.contains("*") {
                return reading.fail(
                    node,
                    "\(quoted(text)) would take anybody's mail for anywhere",
                    "list the domains that are yours, each by its full name"
                )
            }
            return Domain(text)
                ?? reading.fail(node, "\(quoted(text)) is not a domain", "write a name such as \"example.org\"")
        } encode: {
            $0.wire
        }
    }
}

extension SettingCodec where Value == Route.Destination {
    static var destination: SettingCodec {
        text("a domain or `*`", plural: "domains", example: "example.org") { text, node, reading in
            if text == "*" { return .any }
            return Domain(text).map { .domain($0) }
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not a domain",
                    "write a name such as \"example.org\", or \"*\" for all others"
                )
        } encode: { destination in
            switch destination {
            case .any: "*"
            case .domain(let domain): domain.wire
            }
        }
    }
}

extension SettingCodec where Value == EmailAddress {
    static var address: SettingCodec {
        text("an address", plural: "addresses", example: "alice@example.org") { text, node, reading in
            EmailAddress(text)
                ?? reading.fail(
                    node,
                    "one of the texts is not a mail address",
                    "write addresses such as \"alice@example.org\""
                )
        } encode: {
            $0.wire
        }
    }
}

extension SettingCodec where Value == ProtectionSettings.Rule.Subject {
    static var subject: SettingCodec {
        text("a domain or an address", plural: "domains and addresses", example: "alice@example.org") {
            text,
            node,
            reading in
            if text.contains("@") {
                return EmailAddress(text).map { .address($0) }
                    ?? reading.fail(
                        node,
                        "the text is not a mail address",
                        "write one such as \"alice@example.org\", or a domain"
                    )
            }
            return Domain(text).map { .domain($0) }
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not a domain",
                    "write a name such as \"example.org\", or an address"
                )
        } encode: { subject in
            switch subject {
            case .domain(let domain): domain.wire
            case .address(let address): address.wire
            }
        }
    }
}
