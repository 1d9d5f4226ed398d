// SPDX-License-Identifier: Apache-2.0

import Commitment
import Foundation
import Settings
import Testing

@Suite("Levels and the settings that break them")
struct LevelTests {
    @Test("a failing file breaks exactly the practice in its name", arguments: FixtureFolder.names("level"))
    func failing(name: String) throws {
        let (settings, facts) = try load(name)
        let violations = LevelCheck.violations(settings, facts: facts)
        let actual = violations.map(\.description).joined(separator: "\n") + "\n"
        let expected = try FixtureFolder.expected(FixtureFolder.url("level", "\(name).expected"), actual: actual)
        #expect(actual == expected)
        #expect(violations.count == 1)
        let practice = try #require(violations.first?.practice)
        #expect(name == practice.id || name.hasPrefix(practice.id + "."))
        #expect(violations.first?.line ?? 0 > 0)
    }

    @Test("the same file keeps the level below the practice's", arguments: FixtureFolder.names("level"))
    func levelBelow(name: String) throws {
        var (settings, facts) = try load(name)
        let practice = try #require(LevelCheck.violations(settings, facts: facts).first?.practice)
        for level in Level.allCases {
            settings.level = level
            let isBroken = LevelCheck.violations(settings, facts: facts).contains { $0.practice == practice }
            #expect(isBroken == (level >= practice.level))
        }
    }

    @Test("every practice has a failing file or says why no setting touches it", arguments: Practice.all)
    func covered(practice: Practice) {
        let files = FixtureFolder.names("level").filter { $0 == practice.id || $0.hasPrefix(practice.id + ".") }
        switch practice.reach {
        case .settings, .host: #expect(!files.isEmpty)
        case .untouched(let reason):
            #expect(files.isEmpty)
            #expect(!reason.isEmpty)
        }
    }

    @Test("every key that a practice names exists", arguments: Practice.all)
    func keysExist(practice: Practice) {
        for key in practice.settingKeys { #expect(SettingsSchema.key(key) != nil, "\(key)") }
    }

    @Test("what is not known about the host breaks nothing")
    func unknownFacts() throws {
        for name in ["storage.encrypted-swap", "keys.encrypted-at-rest.clear-key", "keys.off-site"] {
            let (settings, _) = try load(name)
            #expect(LevelCheck.violations(settings).isEmpty)
        }
    }

    @Test("a unit without swap keeps a host with plain swap at its level")
    func barredSwap() throws {
        var (settings, facts) = try load("storage.encrypted-swap")
        facts.isSwapBarred = true
        settings.level = .three
        #expect(!LevelCheck.violations(settings, facts: facts).contains { $0.practice.area == .storage })
    }

    @Test("networks beyond loopback are kept apart from clear listeners")
    func networksWithTLSOnly() throws {
        var (settings, _) = try load("mail.client-tls.networks")
        settings.listeners = [Listener(role: .submission)]
        settings.tls = TLSFiles(certificate: "/c", key: "/k")
        #expect(LevelCheck.violations(settings).isEmpty)
    }

    @Test("an empty [tls] table leaves certificates to the vault, and keeps every level that keys in a vault can keep")
    func vaultCertificates() throws {
        var (settings, facts) = try load("keys.off-site.vault")
        #expect(settings.tls == nil && settings.hasOnlyVaultCertificates && settings.usesVaultCertificates)
        settings.level = .two
        settings.listeners = [Listener(role: .mx), Listener(role: .submissions)]
        #expect(LevelCheck.violations(settings, facts: facts).isEmpty)
        settings.level = .three
        facts.isTLSKeyOnDisk = false
        #expect(LevelCheck.violations(settings, facts: facts).isEmpty)
    }

    @Test("keeping a field with the sender's address is pointed out at level 1 and refused from 2 on")
    func keptAddress() throws {
        var (settings, facts) = try load("mail.no-client-ip")
        settings.level = .one
        #expect(LevelCheck.cautions(settings, facts: facts).map(\.practice.id).contains("mail.client-ip-told"))
        settings.scrub.keep = ["User-Agent", "X-Mailer"]
        #expect(!LevelCheck.cautions(settings, facts: facts).map(\.practice.id).contains("mail.client-ip-told"))
        settings.level = .two
        #expect(LevelCheck.violations(settings, facts: facts).isEmpty)
    }

    @Test("the defaults of each level keep it", arguments: Level.allCases)
    func defaults(level: Level) throws {
        let settings = try PosternSettings.parse(
            text: "level = \(level)\nhostname = \"a.example\"\n[[listener]]\nrole = \"mx\"\naddress = \"::1\"",
            name: "postern.toml"
        )
        #expect(LevelCheck.violations(settings).isEmpty)
    }

    /// The settings of a fixture, and the host that its first line describes.
    private func load(_ name: String) throws -> (PosternSettings, HostFacts) {
        let url = FixtureFolder.url("level", "\(name).toml")
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        var facts = HostFacts()
        if let line = text.split(separator: "\n").first, line.hasPrefix("# host: ") {
            if let equals = line.firstRange(of: "swap = ") {
                facts.swap = try #require(HostFacts.Swap(rawValue: String(line[equals.upperBound...])))
            }
            if line.contains("tls key = ") { facts.isTLSKeyEncrypted = line.contains("encrypted") }
            if line.contains("on disk") { facts.isTLSKeyOnDisk = true }
        }
        return (try PosternSettings.parse(text: text, name: "postern.toml"), facts)
    }
}
