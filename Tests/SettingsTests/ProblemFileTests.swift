// SPDX-License-Identifier: Apache-2.0

import Foundation
import Settings
import Testing

@Suite("Settings files with problems")
struct ProblemFileTests {
    @Test(
        "every problem of a file is said at once, with file, line, key and remedy",
        arguments: FixtureFolder.names("problems")
    )
    func problems(name: String) throws {
        let path = FixtureFolder.url("problems", "\(name).toml").path
        let error = try #require(throws: SettingsError.self) { try PosternSettings.load(path: path) }
        let folder = path.dropLast("\(name).toml".utf8.count)
        let actual = error.description.replacing(folder, with: "") + "\n"
        let expected = try FixtureFolder.expected(FixtureFolder.url("problems", "\(name).expected"), actual: actual)
        #expect(actual == expected)
        #expect(error.diagnostics.allSatisfy { !$0.problem.isEmpty && !$0.remedy.isEmpty })
    }

    @Test("the files are found")
    func found() {
        #expect(FixtureFolder.names("problems").count >= 30)
    }

    @Test(
        "a file that is missing, too large or no file is a problem, not a crash",
        arguments: ["missing", "directory", "zero", "large"]
    )
    func unreadable(kind: String) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "postern-settings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let large = directory.appending(path: "large.toml")
        try Data(repeating: 0x23, count: (1 << 20) + 1).write(to: large)
        let paths = [
            "missing": directory.appending(path: "none.toml").path, "directory": directory.path, "zero": "/dev/zero",
            "large": large.path,
        ]
        let path = try #require(paths[kind])
        let error = try #require(throws: SettingsError.self) { try PosternSettings.load(path: path) }
        let words = [
            "missing": "no such file", "directory": "not a file", "zero": "not a file", "large": "larger than 1 MiB",
        ]
        let word = try #require(words[kind])
        #expect(error.description.contains(word))
    }
}
