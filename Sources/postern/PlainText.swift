// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// How values are shown to people: plain text, aligned, no colours.
enum PlainText {
    /// Text from outside, safe on a terminal: control characters and marks that turn the direction of writing become `?`.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.value {
                    case 0..<0x20, 0x7f..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: "?"
                    default: scalar
                    }
                }
            )
        )
    }

    /// `2026-11-22 07:54:38 UTC`.
    static func moment(_ secondsSince1970: Int) -> String {
        let text = Date(timeIntervalSince1970: Double(secondsSince1970)).formatted(.iso8601)
        return text.replacing("T", with: " ").replacing("Z", with: " UTC")
    }

    /// `2026-11-22`.
    static func day(_ secondsSince1970: Int) -> String {
        String(moment(secondsSince1970).prefix { $0 != " " })
    }

    /// The two largest units: `3 h 12 min`.
    static func span(_ seconds: Int) -> String {
        let seconds = max(0, seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86400: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86400) d \(seconds % 86400 / 3600) h"
        }
    }

    /// A moment as seen from now: `in 3 min`, `2 h 1 min ago`.
    static func fromNow(_ secondsSince1970: Int) -> String {
        let difference = secondsSince1970 - now()
        return difference >= 0 ? "in " + span(difference) : span(-difference) + " ago"
    }

    static func now() -> Int { Int(Date().timeIntervalSince1970) }

    /// `1 message`, `12 messages`.
    static func count(_ number: Int, _ word: String, _ plural: String? = nil) -> String {
        number == 1 ? "1 \(word)" : "\(number) \(plural ?? word + "s")"
    }

    /// Lines of at most `width` characters, broken at spaces, each after `indent`.
    static func wrapped(_ text: String, indent: String = "", width: Int = 80) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty && indent.count + line.count + 1 + word.count > width {
                lines.append(indent + line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " " + word
        }
        if !line.isEmpty { lines.append(indent + line) }
        return lines.joined(separator: "\n")
    }

    /// `key:   value` lines, aligned.
    static func pairs(_ pairs: [(String, String)], indent: String = "") -> String {
        let width = pairs.map { $0.0.count }.max() ?? 0
        return pairs.map { name, value in
            indent + name + ":" + String(repeating: " ", count: width - name.count + 2) + printable(value)
        }.joined(separator: "\n")
    }
}

extension String {
    /// With spaces after it, so that it is at least `width` characters long.
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Rows under a heading, each column as wide as its widest cell; the last one takes what is left.
struct TextTable {
    private enum Row {
        case cells([String])
        case line(String)
    }

    private var rows: [Row]
    private var widths: [Int]

    init(_ heading: String...) {
        rows = [.cells(heading)]
        widths = heading.map(\.count)
    }

    /// As many cells as the heading has.
    mutating func add(_ cells: String...) {
        let cells = cells.map(PlainText.printable)
        rows.append(.cells(cells))
        widths = zip(widths, cells).map { max($0, $1.count) }
    }

    /// A line of its own that belongs to the row above it.
    mutating func addLine(_ line: String) { rows.append(.line(PlainText.printable(line))) }

    /// The table; on a terminal no line is longer than 80 characters, in a pipe nothing is cut.
    func text(cut: Bool = Terminal.outputIsTerminal) -> String {
        rows.map { row in
            let line =
                switch row {
                case .line(let line): line
                case .cells(let cells): aligned(cells)
                }
            return cut && line.count > 80 ? line.prefix(79) + "…" : line
        }.joined(separator: "\n")
    }

    private func aligned(_ cells: [String]) -> String {
        zip(cells, widths).enumerated().map { column, pair in
            let (cell, width) = pair
            return column == cells.count - 1 ? cell : cell.padding(to: width)
        }.joined(separator: "  ")
    }
}
