// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Settings files with what is to be said about them beside: `NAME.toml` and `NAME.expected`.
enum FixtureFolder {
    static let rewrites = ProcessInfo.processInfo.environment["POSTERN_REWRITE"] == "1"

    static let tests = URL(filePath: #filePath).deletingLastPathComponent()

    /// The repository's directory.
    static let root = tests.deletingLastPathComponent().deletingLastPathComponent()

    static func names(_ folder: String) -> [String] {
        let directory = tests.appending(path: "Fixtures/\(folder)").path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }.sorted()
    }

    static func url(_ folder: String, _ name: String) -> URL { tests.appending(path: "Fixtures/\(folder)/\(name)") }

    /// The expected text; with `POSTERN_REWRITE=1` it becomes `actual` first.
    static func expected(_ file: URL, actual: String) throws -> String {
        if rewrites { try Data(actual.utf8).write(to: file) }
        return String(decoding: try Data(contentsOf: file), as: UTF8.self)
    }
}
