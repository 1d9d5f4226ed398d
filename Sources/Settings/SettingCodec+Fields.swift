// SPDX-License-Identifier: Apache-2.0

import Mail

extension SettingCodec where Value == String {
    /// A header field to remove.
    ///
    /// What makes a message a message must stay.
    static var removableField: SettingCodec {
        text("a header field", plural: "header fields", example: "X-Mailer") { text, node, reading in
            guard let pattern = FieldPattern(text) else {
                return reading.fail(
                    node,
                    "\(quoted(text)) is not a header field",
                    "write a name such as \"X-Mailer\" or \"X-Source*\""
                )
            }
            if let needed = FieldPattern.neededFields.first(where: pattern.matches) {
                return reading.fail(
                    node,
                    "\(quoted(text)) would remove \(needed), which mail needs",
                    "take it off the list"
                )
            }
            return text
        } encode: {
            $0
        }
    }

    /// A field of the built-in list to leave alone.
    static var keptField: SettingCodec {
        text("a header field", plural: "header fields", example: "User-Agent") { text, node, reading in
            guard let pattern = FieldPattern(text) else {
                return reading.fail(
                    node,
                    "\(quoted(text)) is not a header field",
                    "write a name such as \"User-Agent\" or \"X-Source*\""
                )
            }
            if pattern.matches("Bcc") || pattern.matches("Resent-Bcc") {
                return reading.fail(
                    node,
                    "\(quoted(text)) always goes: it names who must not be seen",
                    "take it off the list"
                )
            }
            let builtIn = ScrubRules.defaultRemovedFields
            guard builtIn.contains(where: { $0.lowercased() == text.lowercased() }) else {
                let near = Spelling.nearest(to: text, among: builtIn).map { "\(quoted($0)) perhaps; " } ?? ""
                return reading.fail(
                    node,
                    "\(quoted(text)) is not in the built-in list, so it stays anyway",
                    "write \(near)an entry as the list in docs/configuration.md has it, or remove it"
                )
            }
            return text
        } encode: {
            $0
        }
    }
}
