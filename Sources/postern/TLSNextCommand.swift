// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Vault

struct TLSNextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Make the key that is used next, so that its pin is published before.",
        discussion: """
            The key stays in the vault. Its clock starts with this command: publish its TLSA record at once, beside the \
            old one (`postern tls show` prints both), and put it into the commitment statement where there is one. After 8 \
            days the certificate for it is used, as soon as it is there: `--csr` writes the request for certbot (--csr) or \
            lego (--csr), and `postern tls import CERT` brings what comes of it. The same command again shows the same key.

            --now uses the certificates that wait at once. Servers that know only the old pin do not send until they \
            learn the new one; keep both published.

            Example: postern tls next --csr next.csr
            Exit codes: 0 done; 1 refused, or you said no; 73 the request can't be written.
            """
    )

    @Option(
        name: .customLong("name"),
        help: ArgumentHelp(
            "A name for the certificate; may be repeated. Else those of the one in use.",
            valueName: "host"
        )
    )
    var names: [String] = []

    @Option(
        help: ArgumentHelp(
            "Write a certificate request (PKCS #10, PEM) into this file; - prints it.",
            valueName: "file"
        ),
        completion: .file()
    )
    var csr: String?

    @Flag(help: "RSA with 3072 bits in place of ECDSA P-256.")
    var rsa = false

    @Flag(help: "Use the certificates that wait at once.")
    var now = false

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if now, csr != nil || rsa || !names.isEmpty {
            throw ValidationError("--now uses what waits; it takes no other option.")
        }
    }

    func run() async throws {
        let answers = try await Answers.find(place)
        if now && !yes {
            let warning = "Servers that know only the old pin will not send to this one until they learn the new."
            guard try Terminal.confirm(warning) else { throw CommandFailure(.refused, "Nothing was changed.") }
        }
        let order = NextKeyOrder(names: names, isRSA: rsa, isHurried: now)
        guard case .nextKey(let report) = try await answers.ask(.nextServerKey(order)) else {
            throw CommandFailure.unexpectedAnswer
        }
        if csr == "-", let request = report.request {
            print(request)
            return
        }
        if let csr, let request = report.request { try Self.write(request, to: csr) }
        try output.show(report) {
            [report.next.map(TLSShowCommand.next), PlainText.wrapped(report.sentence)].compactMap { $0 }.joined(
                separator: "\n\n"
            )
        }
    }

    private static func write(_ request: String, to path: String) throws(CommandFailure) {
        do throws(VaultError) {
            try DurableFile.write(Array((request + "\n").utf8), to: path)
        } catch {
            throw CommandFailure(.cannotCreate, "\(path) can't be written: \(error.sentence)")
        }
    }
}
