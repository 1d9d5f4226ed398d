// SPDX-License-Identifier: Apache-2.0

import Foundation
import Settings
import Testing

@Suite("The manual")
struct ManualTests {
    @Test("docs/configuration.md and man/postern.toml.5 are what the schema says")
    func generated() throws {
        let markdown = ConfigurationManual.markdown()
        let page = FixtureFolder.root.appending(path: "docs/configuration.md")
        #expect(try FixtureFolder.expected(page, actual: markdown) == markdown)
        let roff = ConfigurationManual.roff()
        let manual = FixtureFolder.root.appending(path: "man/postern.toml.5")
        #expect(try FixtureFolder.expected(manual, actual: roff) == roff)
    }

    @Test("every key has a type, a meaning and a default or a word for none")
    func complete() {
        for key in SettingsSchema.tables.flatMap(\.keys) {
            #expect(!key.type.isEmpty && !key.meaning.isEmpty, "\(key.path)")
            #expect(!key.defaultSentence.isEmpty && key.defaultSentence != "``", "\(key.path)")
            #expect(key.meaning.filter { $0 == "`" }.count.isMultiple(of: 2), "\(key.path)")
        }
    }

    @Test("a default that differs by level says so")
    func byLevel() throws {
        let key = try #require(SettingsSchema.key("log.level"))
        #expect(key.defaultSentence == "`\"info\"` at level 1, `\"notice\"` at levels 2 and 3")
    }

    @Test("keys are named once in their table")
    func unique() {
        let paths = SettingsSchema.tables.flatMap(\.keys).map(\.path)
        #expect(Set(paths).count == paths.count)
        #expect(paths.first == "level")
    }
}
