// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Commitment
import Glibc
import Mail
import Settings
import Setup

extension InitPlan.Purpose: ExpressibleByArgument {}

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Look at this machine and write settings for it.",
        discussion: """
            web-app: protects what the programs of a web server send. postfix-filter, exim-filter: stands behind that \
            server as its filter. mx: takes mail from the Internet and from its users, and keeps the mailboxes or hands \
            them to Dovecot. relay: takes mail from this machine and from users, and hands it to another server.

            Nothing is asked: it prints what it found and what it chose, and writes a commented postern.toml into DIR, \
            and beside it, in text files of their own, the lines for the other software. Options override what it would \
            choose. Files that are there are left alone without --force.

            Example: postern init --for mx --level 1 /etc/postern
            Example: postern init --for relay --level 2 --next-hop smtp.example.net:587 --username me /etc/postern
            Exit codes: 0 written; 1 one of the files is there already; 64 wrong usage; 73 a file can't be written.
            """
    )

    @Option(name: .customLong("for"), help: ArgumentHelp("What the gateway is for.", valueName: "purpose"))
    var purpose: InitPlan.Purpose

    @Option(help: ArgumentHelp("The level of the Commitment to keep: 1, 2 or 3.", valueName: "n"))
    var level: Int

    @Option(help: ArgumentHelp("The gateway's name; by default this machine's.", valueName: "name"))
    var hostname: String?

    @Option(
        help: ArgumentHelp(
            "The domain of the mailboxes and senders; by default the name without its first label.",
            valueName: "domain"
        )
    )
    var domain: String?

    @Option(
        help: ArgumentHelp(
            "Where mail for the outside goes; by default to this machine's mail server when there is one, else to the "
                + "recipients' own servers.",
            valueName: "host:port"
        )
    )
    var nextHop: String?

    @Option(
        help: ArgumentHelp(
            "The name to sign in with at the next hop; the password is then expected in DIR/relay-password.",
            valueName: "name"
        )
    )
    var username: String?

    @Option(
        help: ArgumentHelp(
            "The certificate chain (PEM); by default one for the name that is found.",
            valueName: "file"
        ),
        completion: .file()
    )
    var certificate: String?

    @Option(help: ArgumentHelp("Its private key (PEM).", valueName: "file"), completion: .file())
    var key: String?

    @Flag(help: "Write over files that are there.")
    var force = false

    @OptionGroup var output: OutputOptions

    @Argument(help: "The directory for the files; made when it is not there.", completion: .directory)
    var directory: String

    func validate() throws {
        guard Level(rawValue: level) != nil else {
            throw ValidationError("--level \(level) is no level; the levels are 1, 2 and 3.")
        }
        for text in [hostname, domain] {
            if let text, Domain(text) == nil { throw ValidationError("\(text) is no domain name.") }
        }
        if let hostname, !hostname.contains(".") {
            throw ValidationError("\(hostname) is not a full name; say --hostname mail.example.org.")
        }
        if let nextHop, EndpointText.parse(nextHop) == nil {
            throw ValidationError("\(nextHop) is no host and port; write it as smtp.example.net:587.")
        }
        if username != nil && nextHop == nil { throw ValidationError("--username needs --next-hop.") }
        if (certificate == nil) != (key == nil) { throw ValidationError("--certificate and --key belong together.") }
    }

    func run() throws {
        guard let level = Level(rawValue: level) else { return }
        var facts = SiteFacts.survey()
        let plan = try plan(level, &facts)
        let folder = InitFolder(path: directory)
        let lines = SoftwareLines.files(for: plan, facts: facts, directory: folder.absolute)
        let files = [("postern.toml", InitTemplate.text(plan))] + lines.map { ($0.name, $0.text) }
        try folder.write(files, force: force)
        let report = InitReport(facts: facts, plan: plan, folder: folder, files: files)
        try output.show(report) { report.text }
    }

    private func plan(_ level: Level, _ facts: inout SiteFacts) throws -> InitPlan {
        let host = try fullName(facts.hostname)
        var plan = InitPlan(purpose, level: level, hostname: host, domain: domain.flatMap { Domain($0) })
        if InitFolder(path: directory).absolute.hasPrefix("/etc/") { plan.data = "/var/lib/postern" }
        if let certificate, let key {
            plan.tls = TLSFiles(certificate: GatewayLocation.absolute(certificate), key: GatewayLocation.absolute(key))
        } else if let found = facts.certificate(for: plan, now: PlainText.now()), let key = found.key {
            plan.foundTLS = TLSFiles(certificate: found.certificate, key: key)
        }
        if purpose == .mx, let dovecot = facts.dovecot, let delivery = dovecot.delivery {
            plan.dovecot = InitPlan.Dovecot(delivery: delivery, signIn: dovecot.signIn)
        }
        if let nextHop, let hop = EndpointText.parse(nextHop) {
            plan.nextHop = .tcp(host: hop.host, port: hop.port)
        } else if purpose == .webApp || purpose == .relay {
            plan.nextHop = facts.ownNextHop
        }
        plan.credentials = username.map { NextHop.Credentials(username: $0, passwordFile: "relay-password") }
        let accounts = facts.sendmail.webAccounts
        plan.callers = accounts + ["root"]
        facts.choosePorts(for: &plan)
        return plan
    }

    /// The name that was asked for, else this machine's; a placeholder, with a word about it, where that is no full one.
    private func fullName(_ found: HostName) throws -> Domain {
        if let name = hostname.flatMap({ Domain($0) }) ?? found.domain { return name }
        guard let placeholder = Domain("mail.example.org") else { throw CommandFailure(.usage, "Say --hostname.") }
        Terminal.complain(
            "Note: this machine's name, \(PlainText.printable(found.short)), is not a full one; put the gateway's name in "
                + "place of mail.example.org in the files, or say --hostname."
        )
        return placeholder
    }
}

/// The directory that `init` writes into.
struct InitFolder {
    let path: String

    var absolute: String {
        let text = GatewayLocation.absolute(path)
        return text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// All or, where one is there already, none.
    func write(_ files: [(name: String, text: String)], force: Bool) throws {
        guard mkdir(absolute, 0o755) == 0 || errno == EEXIST else {
            throw CommandFailure(.cannotCreate, "The directory \(path) can't be made; make it, or name another.")
        }
        if !force, let there = files.first(where: { access(absolute + "/" + $0.name, F_OK) == 0 }) {
            throw CommandFailure(
                .refused,
                "\(path)/\(there.name) is there already; move it away, or say --force to write over it."
            )
        }
        for file in files { try write(file.text, to: absolute + "/" + file.name, force: force) }
    }

    /// Leaves no file behind that was not written whole.
    private func write(_ text: String, to file: String, force: Bool) throws {
        let fresh = force ? file + ".new" : file
        if force { unlink(fresh) }
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure(.cannotCreate, "\(file) can't be written; look at the rights of \(path).")
        }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard close(descriptor) == 0, written == bytes.count, !force || rename(fresh, file) == 0 else {
            unlink(fresh)
            throw CommandFailure(.cannotCreate, "\(file) could not be written whole; look at the disk.")
        }
    }
}
