// SPDX-License-Identifier: Apache-2.0

/// One thing wrong in a settings file: where, what, and how to mend it.
package struct Diagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file's name as the operator gave it.
    package var file: String
    /// Counted from 1; 0 when the problem has no line (the file is missing, say).
    package var line: Int
    /// The key with its table, `listener.port`; empty when the problem is no key's.
    package var key: String
    package var problem: String
    package var remedy: String

    package init(file: String, line: Int, key: String, problem: String, remedy: String) {
        self.file = file
        self.line = line
        self.key = key
        self.problem = problem
        self.remedy = remedy
    }

    /// One line, such as "postern.toml:12: listener.port: 70000 is not a port; use a number from 1 to 65535.".
    package var description: String {
        let place = line > 0 ? "\(file):\(line)" : file
        let subject = key.isEmpty ? "" : "\(key): "
        return "\(place): \(subject)\(problem); \(remedy)."
    }
}

/// All that is wrong in a settings file, by line.
package struct SettingsError: Error, Sendable, CustomStringConvertible {
    /// Never empty.
    package let diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }

    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// Where each key of a settings file stood.
package struct SourcePositions: Sendable {
    /// The file's name as the operator gave it.
    package var file = "postern.toml"
    private var lines: [String: Int] = [:]

    package init() {}

    package mutating func set(_ key: String, line: Int) { lines[key] = line }

    /// The line of `key`, written as `log.identifiers` or, in an array of tables, `listener[0].port`; else that of the
    /// nearest table around it; 0 when unknown.
    package func line(_ key: String) -> Int {
        var path = key[...]
        while true {
            if let line = lines[String(path)] { return line }
            guard let dot = path.lastIndex(of: ".") else { return 0 }
            path = path[..<dot]
        }
    }
}
