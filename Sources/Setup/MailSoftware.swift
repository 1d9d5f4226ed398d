// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Postfix on this machine.
package struct FoundPostfix: Sendable, Encodable {
    package let version: String
    package let hostname: String
    /// Empty: it delivers to the recipients' servers itself.
    package let relayHost: String
    package let contentFilter: String
    let certificate: String
    let key: String

    private enum CodingKeys: String, CodingKey { case version, hostname, relayHost, contentFilter }

    /// Nil when it is not installed, or has no configuration.
    static func find() -> FoundPostfix? {
        let names = [
            "mail_version", "myhostname", "relayhost", "content_filter", "smtpd_tls_cert_file", "smtpd_tls_key_file",
        ]
        guard let program = ProgramOutput.find(["/usr/sbin/postconf", "/usr/local/sbin/postconf"]),
            let text = ProgramOutput.of(program, ["-x"] + names)
        else { return nil }
        let values = KeyedLines(text)
        return FoundPostfix(
            version: values["mail_version"] ?? "",
            hostname: values["myhostname"] ?? "",
            relayHost: values["relayhost"] ?? "",
            contentFilter: values["content_filter"] ?? "",
            certificate: values["smtpd_tls_cert_file"] ?? "",
            key: values["smtpd_tls_key_file"] ?? ""
        )
    }
}

/// Exim on this machine.
package struct FoundExim: Sendable, Encodable {
    package let version: String
    /// The file that it reads now.
    package let configuration: String
    /// Debian's `conf.d` is in use: what goes in goes into a file of its own there.
    package let isSplit: Bool

    static func find() -> FoundExim? {
        guard let program = ProgramOutput.find(["/usr/sbin/exim4", "/usr/sbin/exim", "/usr/exim/bin/exim"]),
            let text = ProgramOutput.of(program, ["-bV"])
        else { return nil }
        let lines = text.split(whereSeparator: \.isNewline)
        let version = lines.first { $0.hasPrefix("Exim version ") }?.split(separator: " ").dropFirst(2).first
        let file = lines.last { $0.hasPrefix("Configuration file is ") }?.dropFirst(22)
        let debian = TextFile.read("/etc/exim4/update-exim4.conf.conf") ?? ""
        return FoundExim(
            version: version.map { String($0) } ?? "",
            configuration: file.map { String($0) } ?? "",
            isSplit: debian.contains("dc_use_split_config='true'")
        )
    }
}

/// Dovecot on this machine.
package struct FoundDovecot: Sendable, Encodable {
    package let version: String
    package let protocols: [String]
    /// The path of the LMTP socket; nil when the protocol is off.
    package let delivery: String?
    /// The path of the authentication socket for clients.
    package let signIn: String
    /// Whether the gateway's user may use the latter: its mode lets the group or everybody in.
    package let isSignInShared: Bool
    let certificate: String
    let key: String

    private enum CodingKeys: String, CodingKey { case version, protocols, delivery, signIn, isSignInShared }

    static func find() -> FoundDovecot? {
        guard let program = ProgramOutput.find(["/usr/bin/doveconf", "/usr/local/bin/doveconf"]),
            let text = ProgramOutput.of(program, ["-S"])
        else { return nil }
        let version = ProgramOutput.find(["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"])
            .flatMap { ProgramOutput.of($0, ["--version"]) }?.split(separator: " ").first
        return FoundDovecot(settings: KeyedLines(text), version: version.map { String($0) } ?? "")
    }

    /// From what `doveconf -S` prints.
    init(settings: KeyedLines, version: String) {
        self.version = version
        let base = settings["base_dir"] ?? "/run/dovecot"
        let protocols = (settings["protocols"] ?? "").split(separator: " ").map { String($0) }
        self.protocols = protocols
        let path = { (service: String, name: String) in
            let written = settings["service/\(service)/unix_listener/\(name)/path"] ?? name
            return written.hasPrefix("/") ? written : base + "/" + written
        }
        let listeners = { (service: String) in
            (settings["service/\(service)/unix_listener"] ?? "").split(separator: " ").map { String($0) }
        }
        delivery = protocols.contains("lmtp") ? listeners("lmtp").first.map { path("lmtp", $0) } : nil
        // One that was added for another program is likelier to be open than Dovecot's own.
        let own = ["auth-login", "auth-userdb", "auth-master", "login\\slogin", "token-login\\stokenlogin"]
        let clients = listeners("auth").filter { !own.contains($0) && !$0.hasSuffix("-userdb") }
        let mode = { (name: String) in Int(settings["service/auth/unix_listener/\(name)/mode"] ?? "", radix: 8) ?? 0 }
        let name = clients.first { mode($0) & 0o066 != 0 && $0 == "auth-client" } ?? "auth-client"
        signIn = path("auth", name)
        isSignInShared = mode(name) & 0o006 != 0 || mode(name) & 0o060 != 0
        certificate = Self.file(settings["ssl_cert"])
        key = Self.file(settings["ssl_key"])
    }

    /// `</etc/dovecot/private/dovecot.pem`: the path in it.
    private static func file(_ value: String?) -> String {
        guard let value, value.hasPrefix("<") else { return "" }
        return String(value.dropFirst())
    }
}

/// What a machine has for programs that send mail.
package struct FoundSendmail: Sendable, Encodable {
    /// The package that owns `/usr/sbin/sendmail`; nil when none does, or it can't be told.
    package let owner: String?
    /// Whether the file is there.
    package let isPresent: Bool
    /// The directories of PHP's configuration, `/etc/php/8.2`.
    package let php: [String]
    /// Accounts of web servers that exist here.
    package let webAccounts: [String]

    static func find() -> FoundSendmail {
        let path = "/usr/sbin/sendmail"
        let answer = ProgramOutput.of("/usr/bin/dpkg-query", ["-S", path])
        let owner = answer?.split(separator: ":").first.map { String($0) }
        return FoundSendmail(
            owner: owner?.hasPrefix("diversion") == true ? nil : owner,
            isPresent: access(path, F_OK) == 0,
            php: TextFile.names(in: "/etc/php").map { "/etc/php/\($0)" },
            webAccounts: ["www-data", "apache", "http"].filter { getpwnam($0) != nil }
        )
    }
}

/// Lines of `key = value` or `key=value`.
struct KeyedLines {
    private var values: [String: String] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let key = line[..<equals].filter { $0 != " " }
            let value = line[line.index(after: equals)...].drop { $0 == " " }
            if values[String(key)] == nil { values[String(key)] = String(value) }
        }
    }

    subscript(key: String) -> String? { values[key] }
}
