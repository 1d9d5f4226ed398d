// SPDX-License-Identifier: Apache-2.0

import Settings
import Testing

@Suite("Hostile settings files")
struct HostileFileTests {
    /// By name, because a failure prints its argument.
    private static let extremes: [String: String] = [
        "a key of many dots": "a" + String(repeating: ".a", count: 300_000) + " = 1",
        "many dots after a comment with a quote": "# \" \n" + "a" + String(repeating: ".a", count: 300_000) + " = 1",
        "many dots after a literal backslash": "b = '\\' \n" + "a" + String(repeating: ".a", count: 300_000) + " = 1",
        "many dots after escaped quotes": "b = \"\"\"\\\"\"\"\"\na" + String(repeating: ".a", count: 300_000) + " = 1",
        "a header of many dots": "[" + String(repeating: "a.", count: 400_000) + "a]",
        "nested lists": "a = " + String(repeating: "[", count: 500_000),
        "nested tables": "a = " + String(repeating: "{a=", count: 300_000),
        "nested tables of dotted keys": "a = " + String(repeating: "{ a.a.a.a.a.a.a.a.a = [\n", count: 40_000),
        "many tables": String(repeating: "[[a]]\n", count: 100_000),
        "many keys": (0..<60_000).map { "k\($0) = 1\n" }.joined(),
        "many quotes": String(repeating: "\"\"\"", count: 200_000),
        "quotes after quotes": "x = \"\"\"\"\"\"\"" + String(repeating: ".\"", count: 10_000),
        "a long name": "level = 1\nhostname = \"" + String(repeating: "a.", count: 400_000) + "\"",
        "zeros": String(repeating: "\u{0}", count: 1000),
        "letters": String(repeating: "é", count: 500_000),
        "too many bytes": String(repeating: "a", count: 2_000_000),
        "a table without a beginning": "[.a]",
        "a letter that ends a key": "level\u{e9}\u{1680}\u{4000} = 1",
    ]

    @Test("depth, length and breadth end in a problem", arguments: extremes.keys.sorted())
    func extreme(name: String) throws {
        let text = try #require(Self.extremes[name])
        let error = try #require(throws: SettingsError.self) {
            try PosternSettings.parse(text: text, name: "postern.toml")
        }
        #expect(!error.diagnostics.isEmpty)
        #expect(error.diagnostics.count <= 101)
    }

    @Test("a hundred problems are enough")
    func manyProblems() throws {
        let text = (0..<5000).map { "k\($0) = 1\n" }.joined()
        let error = try #require(throws: SettingsError.self) {
            try PosternSettings.parse(text: text, name: "postern.toml")
        }
        #expect(error.diagnostics.count == 101)
    }

    @Test("mutated files are read or refused, never more")
    func mutations() {
        let seed = Array(
            """
            level = 1 # comment
            hostname = "mail.example.org"
            networks = ["127.0.0.1", "::1/128"]
            [[listener]]
            role = 'mx'
            port = 0x9_dd
            [[route]]
            domain = "*"
            relay = "[::1]:2626"
            [protection]
            hold_for = \"\"\"5d\"\"\"
            rule = [{ for = "a@b.example", mode = "off" }, { for.x = 1.5e3 }]
            [limits]
            message_bytes = "50 MiB"
            x = 1979-05-27T07:32:00Z
            """.utf8
        )
        var generator = SplitMix(state: 42)
        for _ in 0..<3000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(contentsOf: bytes[index..<min(bytes.count, index + 30)], at: index)
                default: bytes[index] = Array("\"'[]{}=.,#\n\\".utf8).randomElement(using: &generator) ?? 0
                }
            }
            do {
                _ = try PosternSettings.parse(text: String(decoding: bytes, as: UTF8.self), name: "postern.toml")
            } catch {
                #expect(!error.diagnostics.isEmpty)
            }
        }
    }
}

/// A small generator with a seed, so that a failure comes back.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
