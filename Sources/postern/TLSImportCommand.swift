// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import FoundationEssentials
import Gateway
import Vault

struct TLSImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Put a certificate and its key into the vault; a running gateway shows it at once.",
        discussion: """
            CERT is the chain as PEM, the server's own certificate first; KEY its private key as PEM, encrypted or not. \
            KEY may be left out for a key that `postern tls next` made. It takes the place of those whose names it \
            covers, and no connection is dropped. Where pins of ours are published and the key is new, it waits until its \
            pin has been published for 8 days; renew with the same key (certbot --reuse-key, lego renew --reuse-key) to \
            avoid that.

            Without CERT it is the hook of certbot (--deploy-hook "postern tls import") or lego (--run-hook, --renew-hook, \
            --deploy-hook), which name the files in the environment.

            Example: postern tls import /etc/letsencrypt/live/mail.example.org/fullchain.pem \
            /etc/letsencrypt/live/mail.example.org/privkey.pem
            Exit codes: 0 in use, or waiting; 1 refused; 64 no file was named; 66 a file is missing.
            """
    )

    @Argument(help: "The certificate chain.", completion: .file())
    var certificate: String?

    @Argument(help: "Its private key.", completion: .file())
    var key: String?

    @Option(
        help: ArgumentHelp("The first line of this file opens an encrypted key.", valueName: "file"),
        completion: .file()
    )
    var passphraseFile: String?

    @OptionGroup var place: GatewayPlace

    private static let limit = 1 << 20

    func run() async throws {
        let (certificate, key) = try files()
        let chain: NewChain
        do {
            chain = try PEMText.chain(
                certificates: try InputFile.read(certificate, limit: Self.limit),
                key: try key.map { try InputFile.read($0, limit: Self.limit) },
                passphrase: try passphrase()
            )
        } catch let problem as GatewayProblem {
            throw CommandFailure(.refused, "\(key ?? certificate): \(problem.sentence)")
        }
        print(try await Answers.find(place).sentence(.importChain(chain)))
    }

    /// Those of the command line, else those that the hook of an ACME client was given.
    private func files() throws(CommandFailure) -> (certificate: String, key: String?) {
        if let certificate { return (certificate, key) }
        let environment = ProcessInfo.processInfo.environment
        let named = { (name: String) in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        if let lineage = named("RENEWED_LINEAGE") { return (lineage + "/fullchain.pem", lineage + "/privkey.pem") }
        for prefix in ["LEGO_HOOK_", "LEGO_"] {
            if let certificate = named(prefix + "CERT_PATH") { return (certificate, named(prefix + "CERT_KEY_PATH")) }
        }
        throw CommandFailure(.usage, "Name the files: postern tls import CERT KEY.")
    }

    private func passphrase() throws(CommandFailure) -> [UInt8]? {
        guard let passphraseFile else { return nil }
        do throws(VaultError) {
            return try PassphraseSource.file(passphraseFile).read().copy()
        } catch {
            throw CommandFailure(
                error == .noPassphrase ? .inputMissing : .refused,
                error == .noPassphrase ? "There is no file \(passphraseFile)." : "\(passphraseFile): \(error.sentence)"
            )
        }
    }
}
