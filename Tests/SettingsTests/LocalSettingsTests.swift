// SPDX-License-Identifier: Apache-2.0

import Mail
import Settings
import Testing

@Suite("Settings for programs of this machine")
struct LocalSettingsTests {
    private static let start = """
        level = 2
        hostname = "mail.example.org"
        [[listener]]
        role = "local"

        """

    private static func parse(_ more: String) throws -> PosternSettings {
        try PosternSettings.parse(text: start + more, name: "postern.toml", directory: "/etc/postern")
    }

    @Test("the defaults: a socket for all, own addresses, no spool")
    func defaults() throws {
        let settings = try Self.parse("")
        let listener = try #require(settings.listeners.first)
        #expect(listener.path == "/run/postern/sendmail" && listener.mode == 0o666 && listener.owner == nil)
        #expect(settings.localDomain == Domain("mail.example.org") && settings.sendmail.unlisted == .ownAddress)
        #expect(settings.callers.isEmpty && settings.spool == nil && settings.sendmail.messagesPerHour == 500)
    }

    @Test("everything can be said")
    func everything() throws {
        let settings = try Self.parse(
            """
            path = "socket"
            mode = "0660"
            owner = "root:www-data"
            [[caller]]
            users = ["www-data", 33]
            groups = ["wheel"]
            send_as = ["web@example.org", "*@example.net"]
            messages_per_hour = 7
            [sendmail]
            domain = "example.org"
            unlisted = "refuse"
            [spool]
            directory = "/var/spool/postern"
            """
        )
        let listener = try #require(settings.listeners.first)
        #expect(listener.path == "/etc/postern/socket" && listener.mode == 0o660 && listener.owner == "root:www-data")
        let caller = try #require(settings.callers.first)
        #expect(caller.users == [.name("www-data"), .number(33)] && caller.groups == [.name("wheel")])
        #expect(caller.sendAs == ["web@example.org", "*@example.net"].compactMap { AddressPattern($0) })
        #expect(caller.messagesPerHour == 7 && settings.localDomain == Domain("example.org"))
        #expect(settings.sendmail.unlisted == .refuse)
        #expect(settings.spool == SpoolSettings(directory: "/var/spool/postern"))
    }

    @Test(
        "what can't be is reported at its line",
        arguments: [
            ("port = 25", "listener[0].port", 5), ("mode = \"rw\"", "listener[0].mode", 5),
            ("path = \"/\(String(repeating: "x", count: 120))\"", "listener.path", 3),
            ("[[listener]]\nrole = \"local\"", "listener", 5),
            ("[[listener]]\nrole = \"mx\"\nmode = \"0600\"", "listener[1].mode", 7),
            ("[[caller]]\nusers = [\"a\"]", "caller[0].send_as", 5),
            ("[[caller]]\nsend_as = [\"a@x.test\"]", "caller[0].users", 5),
            ("[[caller]]\nusers = [-1]\nsend_as = [\"a@x.test\"]", "caller[0].users", 6),
            ("[[caller]]\nusers = [\"a\"]\nsend_as = [\"*\"]", "caller[0].send_as", 7),
            ("[spool]\nmessages = 3", "spool.directory", 5),
            ("[spool]\ndirectory = \"/var/lib/postern/spool\"", "spool.directory", 6),
        ]
    )
    func problems(_ more: String, _ key: String, _ line: Int) throws {
        let error = try #require(throws: SettingsError.self) { try Self.parse(more) }
        let found = error.diagnostics.map { "\($0.key) \($0.line)" }
        let plain = key.replacing("[0]", with: "").replacing("[1]", with: "")
        #expect(found == ["\(plain) \(line)"] || found == ["\(key) \(line)"], "\(found)")
    }
}
