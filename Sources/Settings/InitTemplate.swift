// SPDX-License-Identifier: Apache-2.0

package import Commitment
package import Mail

/// The settings files that `postern init` writes: short, and commented from the schema.
package enum InitTemplate {
    package enum Purpose: String, Sendable, CaseIterable {
        /// Stands before another server on this machine: protects what local programs send and hands it on.
        case relay
        /// Stands alone: mailboxes of its own, in and out over the Internet.
        case mx
    }

    /// A settings file that parses and keeps `level`.
    ///
    /// Relative paths in it start at its own directory.
    ///
    /// `domain` is the one whose mailboxes an `mx` holds; by default the host's name without its first label.
    package static func text(for purpose: Purpose, level: Level, hostname: Domain, domain: Domain? = nil) -> String {
        var file = CommentedFile()
        file.comment("Settings of Postern, made with: postern init --for \(purpose.rawValue) --level \(level)")
        file.comment("All keys and their defaults: postern.toml(5).")
        file.key("level", level.description)
        file.key("hostname", quoted(hostname.wire))
        file.key("data", quoted("data"))
        switch purpose {
        case .relay: relay(&file)
        case .mx: mx(&file, level: level, domain: domain ?? parent(of: hostname))
        }
        return file.text
    }

    private static func relay(_ file: inout CommentedFile) {
        file.key("networks", "[\"127.0.0.1\", \"::1\"]")
        file.table("listener")
        file.key("listener.role", "\"mx\"")
        file.key("listener.address", "\"127.0.0.1\"")
        file.key("listener.port", "2525")
        file.table("route")
        file.key("route.domain", "\"*\"")
        file.key("route.relay", "\"127.0.0.1:2626\"")
    }

    private static func mx(_ file: inout CommentedFile, level: Level, domain: Domain) {
        file.key("accept", "[\(quoted(domain.wire))]")
        file.table("tls")
        file.key("tls.certificate", "\"certificate.pem\"")
        file.key("tls.key", level == .three ? "\"/run/postern-key/key.pem\"" : "\"key.pem\"")
        if level >= .two { file.key("tls.key_passphrase_file", "\"/run/credentials/postern.service/tls\"") }
        for role in [Listener.Role.mx, .submission, .submissions] {
            file.table("listener")
            file.key("listener.role", quoted(role.rawValue))
        }
        file.table("route")
        file.key("route.domain", quoted(domain.wire))
        file.key("route.maildir", "true")
        file.table("route")
        file.key("route.domain", "\"*\"")
        file.key("route.mx", "true")
    }

    private static func parent(of hostname: Domain) -> Domain {
        let labels = hostname.wire.split(separator: ".", maxSplits: 1)
        guard labels.count == 2, labels[1].contains("."), let parent = Domain(String(labels[1])) else {
            return hostname
        }
        return parent
    }
}

/// Text of a settings file; what a table or key means is said where it first comes up.
private struct CommentedFile {
    private(set) var text = ""
    private var explained: Set<String> = []

    mutating func comment(_ sentence: String) {
        let plain = sentence.filter { $0 != "`" }
        for line in TextWrap.lines(plain, width: 76) { text += "# \(line)\n" }
    }

    mutating func table(_ path: String) {
        guard let table = SettingsSchema.tables.first(where: { $0.path == path }) else { return }
        text += "\n"
        if explained.insert(path).inserted { comment(table.summary) }
        text += table.header + "\n"
    }

    mutating func key(_ path: String, _ value: String) {
        guard let key = SettingsSchema.key(path) else { return }
        if explained.insert(path).inserted {
            if key.table.isEmpty { text += "\n" }
            comment(key.meaning)
        }
        text += "\(key.name) = \(value)\n"
    }
}

/// Breaks text at spaces.
enum TextWrap {
    static func lines(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
