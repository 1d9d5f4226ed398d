// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail

/// The settings files that `postern init` writes: short, and commented from the schema.
package enum InitTemplate {
    /// A settings file that parses and keeps the plan's level.
    ///
    /// Relative paths in it start at its own directory.
    package static func text(_ plan: InitPlan) -> String {
        var file = CommentedFile()
        file.comment(
            "Settings of Postern, made with: postern init --for \(plan.purpose.rawValue) --level \(plan.level)"
        )
        file.comment("All keys and their defaults: postern.toml(5).")
        file.key("level", plan.level.description)
        file.key("hostname", quoted(plan.hostname.wire))
        file.key("data", quoted(plan.data))
        switch plan.purpose {
        case .webApp: webApp(&file, plan)
        case .postfixFilter, .eximFilter: filter(&file, plan)
        case .mx: mx(&file, plan)
        case .relay: relay(&file, plan)
        }
        return file.text
    }

    private static func webApp(_ file: inout CommentedFile, _ plan: InitPlan) {
        file.table("listener")
        file.key("listener.role", "\"local\"")
        file.key("listener.path", "\"/run/postern/sendmail\"")
        file.table("sendmail")
        file.key("sendmail.domain", quoted(plan.domain.wire))
        for account in plan.callers {
            file.table("caller")
            file.key("caller.users", "[\(quoted(account))]")
            file.key("caller.send_as", "[\(quoted("*@" + plan.domain.wire))]")
            file.key("caller.messages_per_hour", "200")
        }
        outside(&file, plan)
    }

    private static func filter(_ file: inout CommentedFile, _ plan: InitPlan) {
        let server = plan.purpose == .postfixFilter ? "Postfix" : "Exim"
        let ports = plan.ports
        let directions = [
            (
                "outbound", "Outgoing mail, which \(server) hands over and takes back.", ports.outbound,
                ports.outboundReturn
            ),
            (
                "inbound",
                "Incoming mail, while the sender still waits for the answer. Idle until \(server) is told to use it.",
                ports.inbound, plan.inboundReturn
            ),
        ]
        for (direction, comment, port, back) in directions {
            file.table("listener", saying: comment)
            file.key("listener.role", "\"filter\"")
            file.key("listener.direction", quoted(direction))
            file.key("listener.address", "\"127.0.0.1\"")
            file.key("listener.port", "\(port)")
            file.key("listener.from", "[\"127.0.0.1\"]")
            file.key("listener.next_hop", quoted("127.0.0.1:\(back)"))
        }
    }

    private static func mx(_ file: inout CommentedFile, _ plan: InitPlan) {
        file.key("accept", "[\(quoted(plan.domain.wire))]")
        certificate(&file, plan)
        listeners(&file, [.mx, .submission, .submissions])
        if let dovecot = plan.dovecot {
            file.table("sign_in")
            file.key("sign_in.dovecot", quoted(dovecot.signIn))
        }
        file.table("route")
        file.key("route.domain", quoted(plan.domain.wire))
        if let dovecot = plan.dovecot {
            file.key("route.lmtp", quoted("unix:" + dovecot.delivery))
        } else {
            file.key("route.maildir", "true")
        }
        outside(&file, plan)
    }

    private static func relay(_ file: inout CommentedFile, _ plan: InitPlan) {
        file.key("networks", "[\"127.0.0.1\", \"::1\"]")
        certificate(&file, plan)
        file.table("listener", saying: "For the programs of this machine.")
        file.key("listener.role", "\"mx\"")
        file.key("listener.address", "\"127.0.0.1\"")
        file.key("listener.port", "\(plan.ports.local)")
        if plan.serverTLS != nil { listeners(&file, [.submission, .submissions]) }
        outside(&file, plan)
    }

    private static func listeners(_ file: inout CommentedFile, _ roles: [Listener.Role]) {
        for role in roles {
            file.table("listener")
            file.key("listener.role", quoted(role.rawValue))
        }
    }

    private static func certificate(_ file: inout CommentedFile, _ plan: InitPlan) {
        guard let files = plan.serverTLS else { return }
        file.table("tls")
        file.key("tls.certificate", quoted(files.certificate))
        file.key("tls.key", quoted(files.key))
        if let passphrase = files.keyPassphraseFile { file.key("tls.key_passphrase_file", quoted(passphrase)) }
    }

    /// The route for everybody else.
    private static func outside(_ file: inout CommentedFile, _ plan: InitPlan) {
        file.table("route")
        file.key("route.domain", "\"*\"")
        guard let hop = plan.nextHop else { return file.key("route.mx", "true") }
        file.key("route.relay", quoted(EndpointText.format(hop)))
        guard let credentials = plan.credentials else { return }
        // Credentials leave on a proven channel only, to a server on this machine too.
        if hop.isLocal { file.key("route.tls", "\"verify\"") }
        file.key("route.username", quoted(credentials.username))
        file.key("route.password_file", quoted(credentials.passwordFile))
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

    mutating func table(_ path: String, saying words: String? = nil) {
        guard let table = SettingsSchema.tables.first(where: { $0.path == path }) else { return }
        text += "\n"
        if explained.insert(path).inserted { comment(table.summary) }
        if let words { comment(words) }
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
package enum TextWrap {
    package static func lines(_ text: String, width: Int) -> [String] {
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
