// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Mail
import Probe

/// Where a probe goes, and how.
struct ProbeServerOptions: ParsableArguments {
    @Option(
        name: [.customShort("s"), .long],
        help: ArgumentHelp("The server, as swaks has it.", valueName: "host[:port]")
    )
    var server: ProbePlace?

    @Option(name: [.customShort("p"), .long], help: ArgumentHelp("The port.", valueName: "n"))
    var port: Int?

    @Flag(name: [.customLong("starttls"), .customLong("tls", withSingleDash: true)], help: "Demand STARTTLS.")
    var startTLS = false

    @Flag(
        name: [.customLong("tls"), .customLong("tlsc", withSingleDash: true), .customLong("tls-on-connect")],
        help: "Begin with TLS."
    )
    var tls = false

    @Flag(
        name: [.customLong("tls-optional"), .customLong("tlso", withSingleDash: true)],
        help: "Use STARTTLS where it is offered; so it is without any of these."
    )
    var whereOffered = false

    @Flag(help: "Stay in clear.")
    var noTLS = false

    @Option(
        name: [.customLong("ehlo"), .customLong("helo")],
        help: ArgumentHelp("What EHLO says; else the settings' hostname.", valueName: "name")
    )
    var ehlo: Domain?

    @Option(help: ArgumentHelp("Go through this SOCKS5 proxy (Tor: 127.0.0.1:9050).", valueName: "host:port"))
    var socks: ProbePlace?

    func validate() throws {
        guard [startTLS, tls, whereOffered, noTLS].count(where: { $0 }) <= 1 else {
            throw ValidationError("Choose one of --starttls, --tls, --tls-optional and --no-tls.")
        }
        if let port, !(1...65_535).contains(port) {
            throw ValidationError("--port \(port) is no port; use a number from 1 to 65535.")
        }
    }

    var encryption: ProbeRequest.Encryption {
        if startTLS { return .startTLS }
        if tls { return .implicit }
        return noTLS ? .none : .whereOffered
    }
}

/// Who signs in.
struct ProbeSignInOptions: ParsableArguments {
    /// With what AUTH may be done.
    enum Mechanism: String, ExpressibleByArgument, CaseIterable {
        case any, plain, login

        init?(argument: String) { self.init(rawValue: argument.lowercased()) }

        var names: Set<String> { self == .any ? ["PLAIN", "LOGIN"] : [rawValue.uppercased()] }
    }

    @Option(
        name: [.customShort("a"), .long],
        defaultAsFlag: Mechanism.any,
        help: ArgumentHelp("Sign in; a mechanism may follow.", valueName: "mechanism")
    )
    var auth: Mechanism?

    @Option(
        name: [.customLong("auth-user"), .customLong("au", withSingleDash: true)],
        help: ArgumentHelp("Who signs in.", valueName: "user")
    )
    var user: String?

    @Option(
        help: ArgumentHelp("The password is this file's first line; - is standard input.", valueName: "file"),
        completion: .file()
    )
    var passwordFile: String?

    @Option(
        name: [.customLong("auth-password"), .customLong("ap", withSingleDash: true)],
        help: ArgumentHelp(
            "The password; '<>' is an empty one. Others on the machine can see it meanwhile: prefer --password-file, or be asked.",
            valueName: "password"
        )
    )
    var password: String?

    func validate() throws {
        if password != nil && passwordFile != nil {
            throw ValidationError("The password is given twice; choose --password-file or -ap.")
        }
    }

    /// Nil without `--auth`.
    func signIn() throws -> ProbeRequest.SignIn? {
        guard let auth else { return nil }
        guard let user else { throw CommandFailure(.usage, "Say who signs in: --auth-user NAME.") }
        return ProbeRequest.SignIn(user: user, password: try secret(user), mechanisms: auth.names)
    }

    private func secret(_ user: String) throws -> String {
        if let password { return password == "<>" ? "" : password }
        if let passwordFile {
            let line = try InputFile.read(passwordFile, limit: 1 << 20).prefix { $0 != 10 && $0 != 13 && $0 != 0 }
            return String(decoding: line, as: UTF8.self)
        }
        guard Terminal.inputIsTerminal else {
            throw CommandFailure(
                .usage,
                "Nobody can be asked for the password, because there is no terminal; name a --password-file."
            )
        }
        return Terminal.readSecret("Password of \(PlainText.printable(user)): ") ?? ""
    }
}

/// What mail is tried.
struct ProbeMailOptions: ParsableArguments {
    /// An address, or `<>`.
    struct Sender: ExpressibleByArgument {
        let path: ReversePath

        init?(argument: String) {
            if argument.isEmpty || argument == "<>" {
                path = .null
            } else {
                guard let address = EmailAddress(argument) else { return nil }
                path = .address(address)
            }
        }
    }

    struct Recipient: ExpressibleByArgument {
        let address: EmailAddress

        init?(argument: String) {
            guard let address = EmailAddress(argument) else { return nil }
            self.address = address
        }
    }

    @Option(
        name: [.customShort("f"), .customLong("from")],
        help: ArgumentHelp("The sender of MAIL; else the empty one.", valueName: "address")
    )
    var sender: Sender?

    @Option(
        name: [.customShort("t"), .customLong("to")],
        help: ArgumentHelp("A recipient for RCPT; may be given several times.", valueName: "address")
    )
    var recipients: [Recipient] = []

    @Option(
        help: ArgumentHelp("Send the mail in this file; - is standard input.", valueName: "file"),
        completion: .file()
    )
    var message: String?

    /// With CRLF line ends; nil without a message.
    func content() throws -> [UInt8]? {
        guard let message else { return nil }
        let bytes = try InputFile.read(message, limit: 32 << 20)
        var content: [UInt8] = []
        content.reserveCapacity(bytes.count + bytes.count / 32)
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            content += line.last == 13 ? line.dropLast() : line
            content += [13, 10]
        }
        // What follows the last line end is no line.
        if bytes.isEmpty || bytes.last == 10 { content.removeLast(2) }
        return content
    }
}

extension Domain: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
