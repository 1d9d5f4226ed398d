// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Commitment
import Mail
import Settings
import Testing

@Suite("Settings of the way to other servers")
struct ChannelSettingsTests {
    private static let digest = String(repeating: "6b", count: 32)

    private static func parse(_ more: String, level: Int = 2) throws -> PosternSettings {
        let start = """
            level = \(level)
            hostname = "mail.example.org"
            accept = ["example.org"]
            [[listener]]
            role = "local"

            """
        let end = "\n[[route]]\ndomain = \"*\"\nmx = true\n"
        return try PosternSettings.parse(text: start + more + end, name: "postern.toml", directory: "/etc/postern")
    }

    @Test("the defaults: reports up to level 2, and no rules")
    func defaults() throws {
        #expect(try Self.parse("").channel.tlsReports)
        #expect(try !Self.parse("", level: 3).channel.tlsReports)
        #expect(try Self.parse("").channel.rules.isEmpty)
        #expect(
            LevelCheck.violations(try Self.parse("[channel]\ntls_reports = true", level: 3)).contains {
                $0.practice == .noTLSReports && $0.line == 7
            }
        )
    }

    @Test("everything can be said")
    func everything() throws {
        let channel = try Self.parse(
            """
            [channel]
            ca_file = "ca.pem"
            allow_private = ["127.0.0.0/8"]
            tls_report_contact = "postmaster@example.org"
            tls_report_address = "tlsrpt@example.org"
            [[channel.rule]]
            domain = "Example.net"
            require = "pinned"
            pins = ["SPKI:\(Self.digest)"]
            next_pins = ["cert:\(Self.digest)"]
            client_pins = ["spki:\(Self.digest)"]
            require_inbound = true
            [[channel.rule]]
            host = "mx.example.com"
            pins = ["cert:\(Self.digest)"]
            [[channel.rule]]
            domain = "example.com"
            link = "wireguard:wg0"
            """
        ).channel
        #expect(channel.caFile == "/etc/postern/ca.pem" && channel.allowPrivate.count == 1)
        let domain = try #require(Domain("example.net"))
        let rule = try #require(channel.rule(for: domain))
        #expect(rule.require == .pinned && rule.requireInbound && rule.clientPins == rule.pins)
        #expect(
            rule.pins.map(\.text) == ["spki:" + Self.digest] && rule.nextPins.map(\.text) == ["cert:" + Self.digest]
        )
        #expect(channel.rules.last?.link == .wireGuard(interface: "wg0"))
        #expect(channel.pinSets.map(\.scope) == [.domain("example.net"), .host("mx.example.com")])
    }

    @Test(
        "what can't be is reported at its line",
        arguments: [
            ("tls_report_address = \"tlsrpt@example.com\"", 7, "channel.tls_report_address"),
            ("[[channel.rule]]\nrequire = \"encrypted\"", 7, "channel.rule.domain"),
            ("[[channel.rule]]\ndomain = \"a.example\"", 7, "channel.rule"),
            ("[[channel.rule]]\ndomain = \"a.example\"\npins = [\"spki:12\"]", 9, "channel.rule.pins"),
            ("[[channel.rule]]\nhost = \"a.example\"\nrequire = \"encrypted\"", 9, "channel.rule.require"),
            ("[[channel.rule]]\ndomain = \"a.example\"\nlink = \"wireguard:a/b\"", 9, "channel.rule.link"),
            (
                "[[channel.rule]]\ndomain = \"a.example\"\nhost = \"b.example\"\nlink = \"ipsec\"", 7,
                "channel.rule.host"
            ),
            (
                "[[channel.rule]]\ndomain = \"a.example\"\nlink = \"ipsec\"\n[[channel.rule]]\ndomain = \"A.example\"\nlink = \"ipsec\"",
                10, "channel.rule"
            ),
            (
                "[[channel.rule]]\ndomain = \"a.example\"\nlink = \"ipsec\"\npins = [\"spki:\(digest)\"]", 9,
                "channel.rule.link"
            ),
            ("[[channel.rule]]\ndomain = \"a.example\"\nnext_pins = [\"spki:\(digest)\"]", 9, "channel.rule.next_pins"),
        ]
    )
    func problems(text: String, line: Int, key: String) throws {
        let error = #expect(throws: SettingsError.self) { try Self.parse("[channel]\n" + text) }
        let found = try #require(error?.diagnostics.first)
        #expect(found.line == line && found.key == key)
    }
}
