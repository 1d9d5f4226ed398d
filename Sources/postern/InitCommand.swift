// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Commitment
import Glibc
import Mail
import Settings

extension InitTemplate.Purpose: ExpressibleByArgument {}

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a commented postern.toml.",
        discussion: """
            relay: stands in front of another server on this machine; mx: stands alone, with mailboxes of its own. A \
            file that is there is never overwritten.

            Example: postern init --for relay --level 2 /etc/postern
            Exit codes: 0 written; 1 there is a postern.toml already, or it can't be written.
            """
    )

    @Option(name: .customLong("for"), help: ArgumentHelp("What the gateway is for.", valueName: "purpose"))
    var purpose: InitTemplate.Purpose

    @Option(help: ArgumentHelp("The level of the Commitment to keep: 1, 2 or 3.", valueName: "n"))
    var level: Int

    @Option(help: ArgumentHelp("The gateway's name; by default this machine's.", valueName: "name"))
    var hostname: String?

    @Option(
        help: ArgumentHelp(
            "mx: the domain of the mailboxes; by default the name without its first label.",
            valueName: "domain"
        )
    )
    var domain: String?

    @Argument(help: "The directory for the file; made when it is not there.", completion: .directory)
    var directory: String

    func validate() throws {
        guard Level(rawValue: level) != nil else {
            throw ValidationError("--level \(level) is no level; the levels are 1, 2 and 3.")
        }
        for text in [hostname, domain] {
            if let text, Domain(text) == nil { throw ValidationError("\(text) is no domain name.") }
        }
    }

    func run() throws {
        guard let level = Level(rawValue: level) else { return }
        let host = try fullName()
        let text = InitTemplate.text(for: purpose, level: level, hostname: host, domain: domain.flatMap(Domain.init))
        let path = (directory.hasSuffix("/") ? String(directory.dropLast()) : directory) + "/postern.toml"
        try Self.write(text, to: path, in: directory)
        print("Wrote \(path). Read it, then: postern check --config \(path)")
    }

    /// The name that was asked for, else this machine's; a placeholder, with a word about it, where that is no full one.
    private func fullName() throws -> Domain {
        let name = hostname ?? Self.machineName()
        if let host = Domain(name), name.contains(".") { return host }
        guard hostname == nil, let placeholder = Domain("mail.example.org") else {
            throw CommandFailure(.usage, "\(name) is not a full name; say --hostname mail.example.org.")
        }
        Terminal.complain(
            "Note: this machine's name, \(PlainText.printable(name)), is not a full one; put the gateway's name in place of "
                + "mail.example.org in the file."
        )
        return placeholder
    }

    private static func machineName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, 255) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Never replaces a file, and leaves none behind that was not written whole.
    private static func write(_ text: String, to path: String, in directory: String) throws {
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
            throw CommandFailure(.refused, "The directory \(directory) can't be made; make it, or name another.")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let remedy =
                errno == EEXIST
                ? "is there already; move it away first" : "can't be written; look at the rights of \(directory)"
            throw CommandFailure(.refused, "\(path) \(remedy).")
        }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count, close(descriptor) == 0 else {
            unlink(path)
            throw CommandFailure(.refused, "\(path) could not be written whole; look at the disk.")
        }
    }
}
