// SPDX-License-Identifier: Apache-2.0

import Control
import Foundation
import Testing

@testable import Gateway

@Suite("docs/operations.md")
struct DocumentedTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The first cells of the table's rows under a heading.
    private static func rows(_ heading: String, cells: Int) throws -> [[String]] {
        let text = try String(contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n## \(heading)\n").last)
        return section.components(separatedBy: "\n## ")[0].split(separator: "\n").filter { $0.hasPrefix("| `") }.map {
            $0.split(separator: "|").prefix(cells).map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test("lists every alarm with its severity, once")
    func alarms() throws {
        let rows = try Self.rows("Alarms", cells: 2)
        for kind in AlarmKind.allCases {
            #expect(rows.filter { $0[0] == "`\(kind.rawValue)`" } == [["`\(kind.rawValue)`", kind.severity.rawValue]])
        }
        #expect(Set(rows.map { $0[0] }).count == rows.count)
    }

    @Test("lists every reply that refuses something")
    func replies() throws {
        let listed = Set(
            try Self.rows("Replies", cells: 1).flatMap { $0[0].split(separator: "`") }.map { String($0) }
        )
        var sources = ""
        let folder = Self.root.appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            sources += try String(contentsOf: file, encoding: .utf8)
        }
        var statuses: [String: String] = [:]
        for found in sources.matches(of: /static let (\w+) = EnhancedStatus\((\d+), (\d+)\)/) {
            statuses[String(found.1)] = "\(found.2).\(found.3)"
        }
        let pattern =
            /(?:static let (\w+) = )?Reply\(\s*\.(transient|permanent),\s*(\d+),\s*(?:\.(\w+)|EnhancedStatus\((\d+), (\d+)\))/
        var count = 0
        for found in sources.matches(of: pattern) {
            // Of the catalogue only what is used is given to anybody.
            if let name = found.1, sources.matches(of: try Regex("\\.\(name)\\b")).isEmpty { continue }
            let digit = found.2 == "transient" ? 4 : 5
            let code = digit * 100 + (Int(found.3) ?? 0)
            let status = found.4.map { statuses[String($0)] ?? "?" } ?? "\(found.5 ?? "?").\(found.6 ?? "?")"
            count += 1
            let whole = "\(code) \(digit).\(status)"
            #expect(listed.contains(whole) || listed.contains("\(code)"), "\(whole)")
        }
        #expect(count > 35)
    }
}
