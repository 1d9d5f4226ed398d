// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail
import Settings
import Testing

@Suite("Try-it mode and the files of init")
struct TryItTests {
    @Test("try-it mode listens on loopback, keeps mail at home and keeps level 1 with a caution")
    func tryIt() throws {
        let settings = try PosternSettings.tryIt(data: "/tmp/postern \"data\"", portBase: 2500)
        #expect(settings.level == .one && settings.isTryIt && settings.networks.isEmpty)
        #expect(settings.listeners.map(\.role) == [.mx, .submission])
        #expect(settings.listeners.map(\.port) == [2525, 2587])
        #expect(settings.listeners.allSatisfy { $0.isLoopback })
        #expect(settings.routes.map(\.target) == [.maildir])
        #expect(settings.accept == [Domain("postern.test")].compactMap { $0 })
        #expect(settings.data == "/tmp/postern \"data\"")
        #expect(settings.vault == .keyFile("/tmp/postern \"data\"/vault.key"))
        let elsewhere = try #require(Domain("example.org"))
        #expect(settings.route(for: elsewhere) == nil)
        #expect(LevelCheck.violations(settings).isEmpty)
        #expect(LevelCheck.cautions(settings).map(\.practice.id) == ["storage.user-data-encrypted"])
    }

    @Test("a relative data directory starts at the working directory")
    func relativeData() throws {
        let settings = try PosternSettings.tryIt(data: "postern-data", portBase: 0)
        #expect(settings.data.hasPrefix("/") && settings.data.hasSuffix("/postern-data"))
        #expect(settings.vault == .keyFile(settings.data + "/vault.key"))
    }

    @Test("an impossible port base is a problem", arguments: [-1, 65449, Int.max, Int.min])
    func portBase(base: Int) {
        #expect(throws: SettingsError.self) { try PosternSettings.tryIt(data: "/tmp/x", portBase: base) }
    }

    @Test(
        "what init writes parses, keeps its level and is commented",
        arguments: InitPlan.Purpose.allCases,
        Level.allCases
    )
    func templates(purpose: InitPlan.Purpose, level: Level) throws {
        let hostname = try #require(Domain("mail.example.org"))
        let text = InitTemplate.text(InitPlan(purpose, level: level, hostname: hostname))
        let settings = try PosternSettings.parse(text: text, name: "postern.toml", directory: "/etc/postern")
        #expect(settings.level == level)
        #expect(settings.hostname == hostname)
        #expect(settings.data == "/etc/postern/data")
        #expect(LevelCheck.violations(settings).isEmpty)
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
        #expect(text.contains("# The level of the Providers' Commitment"))
    }

    @Test("a relay's file has ten settings and no more")
    func relay() throws {
        var plan = InitPlan(.relay, level: .two, hostname: try #require(Domain("gw.example.org")))
        plan.nextHop = .tcp(host: "127.0.0.1", port: 2626)
        #expect(
            Self.settings(plan) == [
                "level = 2", "hostname = \"gw.example.org\"", "data = \"data\"", "networks = [\"127.0.0.1\", \"::1\"]",
                "[[listener]]",
                "role = \"mx\"", "address = \"127.0.0.1\"", "port = 2525", "[[route]]", "domain = \"*\"",
                "relay = \"127.0.0.1:2626\"",
            ]
        )
    }

    @Test("a relay with a certificate lets users in, and signs in at the next hop on a proven channel only")
    func relayForUsers() throws {
        var plan = InitPlan(.relay, level: .two, hostname: try #require(Domain("gw.example.org")))
        plan.tls = TLSFiles(certificate: "/etc/ssl/gw.pem", key: "/etc/ssl/gw.key")
        plan.nextHop = .tcp(host: "127.0.0.1", port: 2626)
        plan.credentials = NextHop.Credentials(username: "gateway", passwordFile: "relay-password")
        let settings = try PosternSettings.parse(
            text: InitTemplate.text(plan),
            name: "postern.toml",
            directory: "/etc/p"
        )
        #expect(settings.listeners.map(\.role) == [.mx, .submission, .submissions])
        #expect(settings.tls?.key == "/etc/p/key.pem")
        #expect(settings.routes.first?.target.nextHop?.tls == .verify)
        #expect(settings.routes.first?.target.nextHop?.credentials?.passwordFile == "/etc/p/relay-password")
        plan.level = .one
        #expect(plan.serverTLS?.key == "/etc/ssl/gw.key")
        plan.level = .three
        #expect(plan.serverTLS?.key == "/run/postern-key/key.pem")
    }

    @Test(
        "an mx holds the mailboxes of the host's domain",
        arguments: [("mail.example.org", "example.org"), ("example.org", "example.org")]
    )
    func mx(hostname: String, domain: String) throws {
        let text = InitTemplate.text(InitPlan(.mx, level: .one, hostname: try #require(Domain(hostname))))
        let settings = try PosternSettings.parse(text: text, name: "postern.toml")
        #expect(settings.accept.map(\.wire) == [domain])
        #expect(settings.listeners.map(\.port) == [25, 587, 465])
    }

    private static func settings(_ plan: InitPlan) -> [String] {
        InitTemplate.text(plan).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { String($0) }
    }
}
