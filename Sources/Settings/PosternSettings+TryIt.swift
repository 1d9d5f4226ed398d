// SPDX-License-Identifier: Apache-2.0

extension PosternSettings {
    /// The domain of try-it mode; `.test` is nobody's (RFC 6761 section 6.2).
    package static let tryItDomain = "postern.test"

    /// The settings of a gateway that nobody has configured: level 1, loopback only, own mailboxes for ``tryItDomain``
    /// and no way out, so that no trial mail reaches the Internet.
    ///
    /// The MX listener is at `portBase + 25`, submission at `portBase + 87`. The vault's key file lies beside the data
    /// and protects nothing, which the gateway must say at every start. Fails when a port or the path is impossible.
    package static func tryIt(data: String, portBase: Int) throws(SettingsError) -> PosternSettings {
        guard (0...65535 - 87).contains(portBase) else {
            throw SettingsError([
                Diagnostic(
                    file: "try-it mode",
                    line: 0,
                    key: "port base",
                    problem: "\(portBase) leaves no room for the ports",
                    remedy: "use a number from 0 to \(65535 - 87)"
                )
            ])
        }
        let text = """
            level = 1
            hostname = "mail.\(tryItDomain)"
            data = \(quoted(data))
            accept = ["\(tryItDomain)"]
            [vault]
            key_file = \(quoted(data + "/vault.key"))
            [[listener]]
            role = "mx"
            address = "127.0.0.1"
            port = \(portBase + 25)
            [[listener]]
            role = "submission"
            address = "127.0.0.1"
            port = \(portBase + 87)
            [[route]]
            domain = "\(tryItDomain)"
            maildir = true
            """
        var settings = try parse(text: text, name: "try-it mode")
        settings.isTryIt = true
        // Lines of a text that nobody wrote would only confuse.
        settings.positions = SourcePositions()
        settings.positions.file = "try-it mode"
        return settings
    }
}
