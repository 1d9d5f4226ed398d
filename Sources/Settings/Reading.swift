// SPDX-License-Identifier: Apache-2.0

/// One pass over one settings file: what is known about it, and what was found wrong.
struct Reading {
    /// The file's name as the operator gave it.
    let file: String
    /// Absolute; relative paths start here.
    let directory: String
    private(set) var diagnostics: [Diagnostic] = []
    var positions = SourcePositions()

    /// More would only hide the first.
    private static let maximumDiagnostics = 100

    init(file: String, directory: String) {
        self.file = file
        self.directory = directory
        positions.file = file
    }

    /// Adds a problem.
    ///
    /// Indices (`listener[0].port`) are left out of what the operator reads: the line says which.
    mutating func report(line: Int, key: String, problem: String, remedy: String) {
        diagnostics.append(
            Diagnostic(
                file: file,
                line: line,
                key: Self.printable(Self.withoutIndices(key)),
                problem: Self.printable(problem),
                remedy: Self.printable(remedy)
            )
        )
    }

    /// Whether further problems will not be shown.
    var isFull: Bool { diagnostics.count > Self.maximumDiagnostics }

    /// The problems by line, cut where they stop helping.
    var sortedDiagnostics: [Diagnostic] {
        // `sorted` is stable: problems of one line keep the order in which they were found.
        let sorted = diagnostics.sorted { $0.line < $1.line }
        guard sorted.count > Self.maximumDiagnostics else { return sorted }
        let rest = sorted.count - Self.maximumDiagnostics
        let more = Diagnostic(
            file: file,
            line: 0,
            key: "",
            problem: "\(rest) more problems are not shown",
            remedy: "mend the first ones"
        )
        return sorted.prefix(Self.maximumDiagnostics) + [more]
    }

    static func withoutIndices(_ key: String) -> String {
        var result = ""
        var inIndex = false
        for character in key {
            if character == "[" { inIndex = true }
            if !inIndex { result.append(character) }
            if character == "]" { inIndex = false }
        }
        return result
    }

    /// A file's text on a terminal: no control characters, not endless.
    static func printable(_ text: String) -> String {
        var result = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index == 300 { return result + "…" }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: result.append("?")
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
