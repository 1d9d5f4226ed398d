// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control

struct TLSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls",
        abstract: "The server's certificates and keys in the vault, and what to publish about them.",
        discussion: """
            Example: postern tls import fullchain.pem privkey.pem
            The listeners show them where the settings have a [tls] table, which may be empty.
            """,
        subcommands: [
            TLSImportCommand.self, TLSShowCommand.self, TLSNextCommand.self, TLSPublishedCommand.self,
            TLSRemoveCommand.self,
        ]
    )
}

struct TLSShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the certificates in use, the next key, and the records to publish.",
        discussion: """
            Prints names, dates, the SHA-256 of each certificate and of its key (SPKI), the TLSA records for the keys in \
            use and for those that are to be used next, and for each domain the MTA-STS record and policy file.

            Example: postern tls show --json
            Exit codes: 0 shown.
            """
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard case .certificates(let report) = try await Answers.find(place).ask(.listCertificates) else {
            throw CommandFailure.unexpectedAnswer
        }
        try output.show(report) { Self.text(report) }
    }

    static func text(_ report: CertificateReport) -> String {
        var parts = report.certificates.map(certificate)
        if parts.isEmpty { parts.append("There is no certificate; `postern tls import CERT KEY` brings one.") }
        parts += report.next.map(next)
        if report.publishedSince == nil, report.statedSince == nil {
            parts.append(
                PlainText.wrapped(
                    "Nothing of ours counts as published, so that a new key is used at once. `postern tls published` says that "
                        + "the TLSA records are in the zone."
                )
            )
        }
        if !report.tlsa.isEmpty {
            parts.append("TLSA records, for a zone that is signed:\n" + lines(report.tlsa))
        }
        for policy in report.policies {
            parts.append(
                "MTA-STS for \(PlainText.printable(policy.domain)):\n" + lines([policy.record])
                    + "\n  \(policy.address):\n"
                    + lines(policy.file.split(whereSeparator: \.isNewline).map { "  \($0)" })
            )
        }
        return parts.joined(separator: "\n\n")
    }

    private static func lines(_ lines: [String]) -> String {
        lines.map { "  " + PlainText.printable($0) }.joined(separator: "\n")
    }

    private static func certificate(_ one: CertificateReport.Served) -> String {
        var pairs = one.names.map { ("name", $0) }
        pairs.append(("kept in", one.file ?? "the vault"))
        pairs.append(("key", one.kind))
        pairs.append(("valid", "\(PlainText.moment(one.begins)) to \(PlainText.moment(one.expires))"))
        pairs.append(("certificate", one.certificate))
        pairs.append(("SPKI", one.publicKey))
        return PlainText.pairs(pairs)
    }

    static func next(_ one: CertificateReport.Next) -> String {
        var pairs = one.names.map { ("next key for", $0) }
        pairs.append(("key", one.kind))
        pairs.append(("SPKI", one.publicKey))
        pairs.append(("published since", PlainText.moment(one.since)))
        pairs.append(("usable from", one.usableFrom.map(PlainText.moment) ?? "8 days after a statement holds it"))
        pairs.append(("certificate", one.expires.map { "is there, until \(PlainText.moment($0))" } ?? "not there yet"))
        return PlainText.pairs(pairs)
    }
}

struct TLSPublishedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "published",
        abstract: "Say that TLSA records for the keys in use are published, so that a new key waits for its own.",
        discussion: """
            From then on a certificate with a key that nobody knows yet is used only 8 days after its import, so that its \
            record can be published first. `postern tls next` says the same by itself.

            Example: postern tls published
            Exit codes: 0 noted.
            """
    )

    @Flag(help: "They are withdrawn: a new key is used at once.")
    var withdrawn = false

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        print(try await Answers.find(place).sentence(.declarePins(published: !withdrawn)))
    }
}

struct TLSRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Forget certificates and keys of the vault.",
        discussion: """
            WHICH is a name that the certificate or the next key is for, or at least the first eight digits of the SHA-256 \
            of the certificate or its key. The key is gone for good.

            Example: postern tls remove mail.example.org
            Exit codes: 0 removed; 1 there is none, or you said no.
            """
    )

    @Argument(help: "A host name, or the beginning of a SHA-256.")
    var which: String

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let answers = try await Answers.find(place)
        if !yes { try Terminal.confirmRemoval("This forgets the key of \(PlainText.printable(which)) for good.") }
        print(try await answers.sentence(.removeCertificate(selector: which)))
    }
}
