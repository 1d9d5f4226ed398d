// SPDX-License-Identifier: Apache-2.0

import Commitment
import Foundation
import Mail
import Settings
import Testing

@Suite("Reading settings")
struct ReadingTests {
    private let short = """
        level = 2
        hostname = "mail.example.org"
        [[listener]]
        role = "submission"
        [[route]]
        domain = "*"
        relay = "127.0.0.1:2626"
        """

    @Test("a short file gets the documented defaults")
    func defaults() throws {
        let settings = try PosternSettings.parse(text: short, name: "postern.toml")
        #expect(settings.level == .two)
        #expect(settings.hostname == Domain("mail.example.org"))
        #expect(settings.data == "/var/lib/postern")
        #expect(settings.accept.isEmpty && settings.networks.isEmpty && settings.tls == nil)
        #expect(settings.tagSeparator == "+")
        #expect(settings.listeners.map(\.port) == [587])
        #expect(settings.listeners.map(\.address) == ["::"])
        #expect(
            settings.routes.first?.target
                == .relay(NextHop(endpoint: .tcp(host: "127.0.0.1", port: 2626), tls: .opportunistic))
        )
        #expect(settings.vault == .prompt)
        #expect(settings.protection.mode == .opportunistic)
        #expect(settings.limits.messageBytes == 52_428_800)
        #expect(settings.limits.recipients == 1000)
        #expect(settings.limits.headerBytes == 262_144)
        #expect(settings.limits.expandedBytes == 2_147_483_648)
        #expect(settings.limits.commandTimeout == .seconds(300))
        #expect(settings.delivery.retryFirst == .seconds(60))
        #expect(settings.delivery.retryLongest == .seconds(14400))
        #expect(settings.delivery.expireAfter == .seconds(432_000))
        #expect(settings.delivery.port == 25)
        #expect(settings.log.identifiers == false)
        #expect(settings.isTryIt == false)
    }

    @Test(
        "the log's threshold follows the level",
        arguments: zip(Level.allCases, [LogSettings.Threshold.info, .notice, .notice])
    )
    func logLevel(level: Level, threshold: LogSettings.Threshold) throws {
        let text = short.replacing("level = 2", with: "level = \(level)")
        #expect(try PosternSettings.parse(text: text, name: "postern.toml").log.level == threshold)
    }

    @Test("a table inside [limits] is read, and its problems are told with its path")
    func accountLimits() throws {
        let text = short + "\n[limits]\nhops = 50\n[limits.account]\nmessages_per_hour = 7\nsoft_start = \"0s\"\n"
        let settings = try PosternSettings.parse(text: text, name: "postern.toml")
        #expect(settings.limits.hops == 50 && settings.limits.account.messagesPerHour == 7)
        #expect(settings.limits.account.softStart == .zero && settings.limits.account.messagesPerDay == 2000)
        let wrong = short + "\n[limits]\naccount = 3\n[sign_in]\ndovecot = \"/\(String(repeating: "x", count: 110))\"\n"
        let error = try #require(throws: SettingsError.self) {
            try PosternSettings.parse(text: wrong, name: "postern.toml")
        }
        #expect(error.diagnostics.map(\.key) == ["limits.account", "sign_in.dovecot"])
    }

    @Test("every key of the schema can be written with its example or default")
    func everyKey() throws {
        // Targets exclude each other, and a filter's keys are its own.
        let skipped = ["maildir", "lmtp", "mx", "key_file", "direction", "from", "next_hop", "xforward"]
        let excluded = ["channel.rule.host", "channel.rule.link"]
        let local = ["listener.path", "listener.mode", "listener.owner"]
        var text = ""
        var localListener = "[[listener]]\nrole = \"local\"\n"
        for table in SettingsSchema.tables {
            text += "\(table.header)\n"
            for key in table.keys where !skipped.contains(key.name) && !excluded.contains(key.path) {
                let value = try #require(key.example ?? key.defaultText(at: .two), "\(key.path)")
                let line = "\(key.name) = \(value)\n"
                if local.contains(key.path) { localListener += line } else { text += line }
            }
        }
        text += localListener
        text += "[[route]]\ndomain = \"*\"\nmx = true\n"
        let settings = try PosternSettings.parse(text: text, name: "all.toml", directory: "/etc/postern")
        let hop = try #require(settings.routes.first?.target.nextHop)
        #expect(
            hop.credentials == NextHop.Credentials(username: "gateway", passwordFile: "/run/credentials/relay-password")
        )
        #expect(hop.caFile == "/etc/postern/next-hop-ca.pem")
        #expect(settings.tls?.certificate == "/etc/postern/certificate.pem")
        #expect(settings.resolver.servers == [.init(address: "127.0.0.1"), .init(address: "::1", port: 5353)])
        #expect(settings.resolver.stubs.map(\.zone) == [Domain("example.test")].compactMap { $0 })
        #expect(settings.signIn.dovecot == "/run/dovecot/auth-client")
        #expect(settings.limits.account.softStart == .seconds(7 * 86_400))
        #expect(settings.scrub.localNames == ["web1.internal"])
        #expect(settings.protection.rules.map(\.mode) == [.required])
        #expect(settings.control.socket == "/run/postern/control")
    }

    @Test("each other target of a route is read")
    func targets() throws {
        let text = """
            level = 1
            hostname = "mail.example.org"
            [[listener]]
            role = "mx"
            [[route]]
            domain = "one.example"
            maildir = true
            [[route]]
            domain = "two.example"
            lmtp = "unix:lmtp.sock"
            recipients = ["alice@two.example"]
            [[route]]
            domain = "three.example"
            lmtp = "[::1]:24"
            [[route]]
            domain = "four.example"
            relay = "Relay.example.net:587"
            [[route]]
            domain = "*"
            mx = true
            """
        let settings = try PosternSettings.parse(text: text, name: "postern.toml", directory: "/etc/postern")
        #expect(
            settings.routes.map(\.target) == [
                .maildir, .lmtp(NextHop(endpoint: .unix(path: "/etc/postern/lmtp.sock"), tls: .off)),
                .lmtp(NextHop(endpoint: .tcp(host: "::1", port: 24), tls: .opportunistic)),
                .relay(NextHop(endpoint: .tcp(host: "Relay.example.net", port: 587), tls: .verify)), .mx,
            ]
        )
        #expect(settings.routes[1].recipients == [EmailAddress("alice@two.example")].compactMap { $0 })
        let domain = try #require(Domain("TWO.example"))
        #expect(settings.route(for: domain)?.line == 8)
        let other = try #require(Domain("other.example"))
        #expect(settings.route(for: other)?.target == .mx)
        #expect(!settings.accepts(domain))
    }

    @Test("the narrowest protection rule wins, key by key")
    func rules() throws {
        let text =
            short + """

                [protection]
                header_protection = false
                [[protection.rule]]
                for = "example.net"
                mode = "required"
                [[protection.rule]]
                for = "alice@example.net"
                header_protection = true
                [[protection.rule]]
                for = "alice+news@example.net"
                mode = "off"
                """
        let protection = try PosternSettings.parse(text: text, name: "postern.toml").protection
        func effective(_ text: String) throws -> ProtectionSettings.Effective {
            protection.effective(for: try #require(EmailAddress(text)), tagSeparator: "+")
        }
        #expect(try effective("bob@example.org").mode == .opportunistic)
        #expect(try effective("bob@EXAMPLE.net") == .init(mode: .required, headerProtection: false, wrapSigned: false))
        #expect(
            try effective("alice+x@example.net") == .init(mode: .required, headerProtection: true, wrapSigned: false)
        )
        #expect(try effective("alice+news@example.net") == .init(mode: .off, headerProtection: true, wrapSigned: false))
    }

    @Test("paths start at the file's directory")
    func load() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "postern-settings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "postern.toml")
        try Data("level = 1\ndata = \"./data\"\n\(short.dropFirst(10))".utf8).write(to: file)
        #expect(try PosternSettings.load(path: file.path).data == directory.path + "/data")
    }

    @Test("tags can be switched off, durations and sizes have units")
    func amounts() throws {
        let text =
            "level = 1\ntag_separator = \"\"\n" + short.dropFirst(10)
            + "\n[limits]\nmessage_bytes = \"3MiB\"\nerrors = 7\ncommand_timeout = \"2h\""
        let settings = try PosternSettings.parse(text: text, name: "postern.toml")
        #expect(settings.tagSeparator == nil)
        #expect(settings.limits.messageBytes == 3 << 20)
        #expect(settings.limits.errors == 7)
        #expect(settings.limits.commandTimeout == .seconds(7200))
    }
}
