// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Glibc
import Vault

struct LockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Wipe the keys from memory; mail is put off until `postern unlock`.",
        discussion: """
            Sessions end between two messages, deliveries in flight finish, the files are closed and the root key is \
            overwritten. Until the gateway is unlocked it answers 421, and closes ports where TLS comes first; other \
            servers keep their mail and try again. Nothing is lost.

            Example: postern lock --config /etc/postern/postern.toml
            Example: ssh root@mail.example.org postern lock --config /etc/postern/postern.toml
            Exit codes: 0 locked; 1 it could not be done; 69 no gateway runs.
            """
    )

    @OptionGroup var place: GatewayPlace

    func run() throws {
        guard case .done(let sentence) = try RunningGateway.connect(try place.locate()).ask(.lock) else {
            throw CommandFailure.unexpectedAnswer
        }
        print(sentence)
    }
}

struct UnlockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Open a locked gateway.",
        discussion: """
            The passphrase is asked for on the terminal; without one, it is the first line of standard input, so that \
            it never lies on the gateway's host.

            Example: postern unlock --config /etc/postern/postern.toml
            Example: ssh -t root@mail.example.org postern unlock --config /etc/postern/postern.toml
            Exit codes: 0 open; 1 the secret does not open the vault, or the files can't be opened; 66 no secret was \
            given; 69 no gateway runs.
            """
    )

    @Option(
        help: ArgumentHelp("Take the passphrase from the first line of this file.", valueName: "file"),
        completion: .file()
    )
    var passphraseFile: String?

    @Option(help: ArgumentHelp("Open with this key file.", valueName: "file"), completion: .file())
    var keyFile: String?

    @Flag(help: "Open with the credential or file that the settings name.")
    var asConfigured = false

    @OptionGroup var place: GatewayPlace

    func validate() throws {
        if [passphraseFile != nil, keyFile != nil, asConfigured].filter({ $0 }).count > 1 {
            throw ValidationError("--passphrase-file, --key-file and --as-configured exclude each other.")
        }
    }

    func run() throws {
        let gateway = try RunningGateway.connect(try place.locate())
        guard case .done(let sentence) = try gateway.ask(.unlock(try secret())) else {
            throw CommandFailure.unexpectedAnswer
        }
        print(sentence)
    }

    private func secret() throws(CommandFailure) -> UnlockSecret {
        if asConfigured { return .configured }
        do throws(VaultError) {
            if let passphraseFile { return .passphrase(try PassphraseSource.file(passphraseFile).read().copy()) }
            if let keyFile { return .keyFile(try PassphraseSource.keyFile(keyFile).copy()) }
        } catch {
            let isMissing = error == .noPassphrase
            throw CommandFailure(
                isMissing ? .inputMissing : .refused,
                isMissing ? "There is no file \(passphraseFile ?? keyFile ?? "")." : error.sentence
            )
        }
        let line =
            Terminal.inputIsTerminal
            ? Terminal.readSecret("Passphrase of the vault: ") : readLine(strippingNewline: true)
        guard let line, !line.isEmpty else {
            throw CommandFailure(
                .inputMissing,
                "No passphrase was given; type it on a terminal, pipe it in, or say --passphrase-file, --key-file or --as-configured."
            )
        }
        return .passphrase(Array(line.utf8))
    }
}
