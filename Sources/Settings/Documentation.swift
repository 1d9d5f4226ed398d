// SPDX-License-Identifier: Apache-2.0

package import Commitment

/// What is known about one key, for the manual, the man page and the files that `init` writes.
package struct KeyDocumentation: Sendable {
    package let name: String
    /// The table it stands in; empty for the top.
    package let table: String
    /// "a duration", "a list of domains".
    package let type: String
    /// "1 to 65535"; nil when the type says it all.
    ///
    /// Code stands in backquotes.
    package let possible: String?
    /// The default as TOML, at level 1, 2 and 3; nil where there is none.
    package let defaultByLevel: [String?]
    /// What holds when there is no default: "required".
    package let without: String
    /// Sentences; code stands in backquotes.
    package let meaning: String
    /// A value as TOML, where the default doesn't show one.
    package let example: String?

    /// `limits.recipients`.
    package var path: String { table.isEmpty ? name : "\(table).\(name)" }

    /// The default at a level, as TOML.
    package func defaultText(at level: Level) -> String? {
        let index = level.rawValue - 1
        return defaultByLevel.indices.contains(index) ? defaultByLevel[index] : nil
    }

    /// The default in words: `"5m"`, or with the levels where it differs, or what holds without one.
    ///
    /// Code in backquotes.
    package var defaultSentence: String {
        let texts = defaultByLevel.map { $0.map { "`\($0)`" } ?? without }
        guard let first = texts.first, texts.contains(where: { $0 != first }) else { return texts.first ?? without }
        var groups: [(text: String, levels: [String])] = []
        for (index, text) in texts.enumerated() {
            if groups.last?.text == text {
                groups[groups.count - 1].levels.append(String(index + 1))
            } else {
                groups.append((text, [String(index + 1)]))
            }
        }
        return groups.map { group in
            "\(group.text) at \(group.levels.count > 1 ? "levels" : "level") \(group.levels.joined(separator: " and "))"
        }.joined(separator: ", ")
    }
}

/// What is known about one table of the settings file.
package struct TableDocumentation: Sendable {
    package let path: String
    package let isArray: Bool
    /// Sentences; code stands in backquotes.
    package let summary: String
    package let keys: [KeyDocumentation]

    /// `[limits]`, `[[listener]]`; empty for the top.
    package var header: String { path.isEmpty ? "" : isArray ? "[[\(path)]]" : "[\(path)]" }
}
