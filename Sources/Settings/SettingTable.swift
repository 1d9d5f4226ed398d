// SPDX-License-Identifier: Apache-2.0

import Commitment

/// One key of a table: its documentation, and how it reaches the settings.
struct SettingKey<Root: Sendable>: Sendable {
    let name: String
    let typeName: String
    let possible: String?
    /// The default as TOML; nil when the key has none.
    let defaultText: @Sendable (Root) -> String?
    /// What holds without the key when there is no default value: "required", "none".
    let without: String
    let meaning: String
    /// A value as TOML, for the manual.
    let example: String?
    let read: @Sendable (TOMLNode, inout Root, inout ValueReading) -> Void

    /// A key whose default is the initial value of the property.
    init<Value>(
        _ name: String,
        _ property: any WritableKeyPath<Root, Value> & Sendable,
        _ codec: SettingCodec<Value>,
        _ meaning: String,
        example: String? = nil
    ) {
        self.name = name
        self.typeName = codec.name
        self.possible = codec.possible
        self.defaultText = { codec.encode($0[keyPath: property]) }
        self.without = ""
        self.meaning = meaning
        self.example = example
        self.read = { node, root, reading in
            if let value = codec.decode(node, &reading) { root[keyPath: property] = value }
        }
    }

    /// A key that may be missing.
    init<Value>(
        _ name: String,
        optional property: any WritableKeyPath<Root, Value?> & Sendable,
        _ codec: SettingCodec<Value>,
        without: String,
        _ meaning: String,
        example: String
    ) {
        self.name = name
        self.typeName = codec.name
        self.possible = codec.possible
        self.defaultText = { $0[keyPath: property].map(codec.encode) }
        self.without = without
        self.meaning = meaning
        self.example = example
        self.read = { node, root, reading in
            if let value = codec.decode(node, &reading) { root[keyPath: property] = value }
        }
    }
}

/// One table of the settings file.
struct SettingTable<Root: Sendable>: Sendable {
    /// With dots, `protection.rule`; empty for the top.
    let path: String
    /// `[[path]]`: may come many times.
    let isArray: Bool
    let summary: String
    let keys: [SettingKey<Root>]
    /// The names of the tables inside.
    var children: [String] = []

    init(_ path: String, isArray: Bool = false, children: [String] = [], _ summary: String, keys: [SettingKey<Root>]) {
        self.path = path
        self.isArray = isArray
        self.children = children
        self.summary = summary
        self.keys = keys
    }

    /// Reads a table's members into `root` and reports what is unknown or impossible.
    ///
    /// `place` is the table with its index.
    func decode(_ members: [TOMLNode.Member], at place: String, into root: inout Root, _ reading: inout Reading) {
        for member in members {
            let full = place.isEmpty ? member.key : "\(place).\(member.key)"
            if children.contains(member.key) { continue }
            guard let key = keys.first(where: { $0.name == member.key }) else {
                // Looking for what was meant takes time, and beyond the limit nobody reads it.
                let remedy =
                    reading.isFull
                    ? "" : UnknownKey.remedy(for: member.key, among: keys.map(\.name) + children, in: path)
                reading.report(line: member.node.line, key: full, problem: "there is no such key", remedy: remedy)
                continue
            }
            reading.positions.set(full, line: member.node.line)
            var values = ValueReading(directory: reading.directory)
            key.read(member.node, &root, &values)
            for problem in values.problems {
                reading.report(line: problem.line, key: full, problem: problem.problem, remedy: problem.remedy)
            }
        }
    }

    /// What the manual says.
    ///
    /// `initial` makes the defaults at a level.
    func documentation(_ initial: (Level) -> Root) -> TableDocumentation {
        TableDocumentation(
            path: path,
            isArray: isArray,
            summary: summary,
            keys: keys.map { key in
                let defaults = Level.allCases.map { key.defaultText(initial($0)) }
                return KeyDocumentation(
                    name: key.name,
                    table: path,
                    type: key.typeName,
                    possible: key.possible,
                    defaultByLevel: defaults,
                    without: key.without,
                    meaning: key.meaning,
                    example: key.example
                )
            }
        )
    }
}

/// What to do about a key that no table has.
private enum UnknownKey {
    static func remedy(for name: String, among here: [String], in table: String) -> String {
        if let near = Spelling.nearest(to: name, among: here) { return "perhaps \(near) is meant" }
        if let home = SettingsSchema.tables.first(where: { $0.path != table && $0.keys.contains { $0.name == name } }) {
            return home.path.isEmpty
                ? "\(name) belongs at the top, before the first table" : "\(name) belongs in \(home.header)"
        }
        return "remove the line; postern.toml(5) lists the keys"
    }
}
