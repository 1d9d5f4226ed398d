// SPDX-License-Identifier: Apache-2.0

/// Text in roff.
///
/// Code in backquotes becomes bold.
package struct RoffPage {
    package private(set) var text = ""

    package init() {}

    /// A request, as it is.
    package mutating func line(_ line: String) { text += line + "\n" }

    package mutating func section(_ title: String) { line(".SH \"\(escape(title))\"") }

    /// One line that keeps its spaces, where the page shows text as it is.
    package mutating func literal(_ line: String, bold: Bool = false) {
        self.line(guarded(bold ? "\\fB" + escape(line) + "\\fR" : escape(line)))
    }

    /// Sentences, filled.
    package mutating func paragraph(_ sentence: String) {
        var parts: [String] = []
        for (index, part) in sentence.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
            parts.append(index.isMultiple(of: 2) ? escape(String(part)) : "\\fB" + escape(String(part)) + "\\fR")
        }
        for line in TextWrap.lines(parts.joined(), width: 78) { self.line(guarded(line)) }
    }

    private func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("\"", with: "\\(dq").replacing(
            "'",
            with: "\\(aq"
        )
        .replacing("`", with: "\\(ga").replacing("~", with: "\\(ti").replacing("^", with: "\\(ha")
    }

    /// A line that begins with a dot or an apostrophe would be a request.
    private func guarded(_ line: String) -> String {
        line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
    }
}
