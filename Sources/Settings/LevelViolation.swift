// SPDX-License-Identifier: Apache-2.0

package import Commitment

/// A setting that breaks a practice of the level, or may: where, what, and how to mend it.
package struct LevelViolation: Sendable, CustomStringConvertible {
    package let practice: Practice
    /// File, line, key, problem and remedy.
    package let diagnostic: Diagnostic

    package var line: Int { diagnostic.line }
    package var key: String { diagnostic.key }
    package var problem: String { diagnostic.problem }
    package var remedy: String { diagnostic.remedy }

    /// The diagnostic's line, and below it the practice with its words.
    package var description: String {
        let source = practice.source == .ourMapping ? ", our mapping" : ""
        return "\(diagnostic)\n    \(practice.id) (level \(practice.level)\(source)): \(practice.text)"
    }
}
