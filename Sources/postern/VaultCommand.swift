// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Control
import Gateway
import Glibc
import Privacy
import Settings
import Vault

struct VaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault",
        abstract: "The key that everything stored is sealed under.",
        discussion: "Example: postern vault init --config /etc/postern/postern.toml",
        subcommands: [VaultInitCommand.self, VaultStatusCommand.self]
    )
}

struct VaultInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make the vault of a new data directory.",
        discussion: """
            The root key is random and wrapped by a passphrase (scrypt) or by a key file. Without options it takes what \
            `[vault]` in the settings names, else it asks. Whoever loses the passphrase or the key file loses the \
            waiting mail, the keyring and the users: keep a copy elsewhere.

            Example: postern vault init --config /etc/postern/postern.toml --passphrase-file /root/passphrase
            Exit codes: 0 made; 1 there is one already, or a bad passphrase; 66 the file with the secret is missing.
            """
    )

    @Option(
        help: ArgumentHelp("Take the passphrase from the first line of this file.", valueName: "file"),
        completion: .file()
    )
    var passphraseFile: String?

    @Option(
        help: ArgumentHelp("Wrap by a key file instead; it is made when it is not there.", valueName: "file"),
        completion: .file()
    )
    var keyFile: String?

    @OptionGroup var place: GatewayPlace

    func validate() throws {
        if passphraseFile != nil && keyFile != nil {
            throw ValidationError("--passphrase-file and --key-file exclude each other.")
        }
    }

    func run() throws {
        let location = try place.locate()
        let directory = location.settings.data
        do {
            guard !VaultFile.exists(in: directory) else { throw VaultError.exists }
            let secret = try chooseSecret(location.settings.vault, tryIt: location.config == nil)
            let vault = try VaultFile.create(in: directory, secret: secret, now: Time.system().wall())
            let key = try SpoolKey.ensure(in: directory, vault: vault)
            if let limits = location.settings.spool { try SpoolPlace.make(location.settings, limits, key) }
        } catch let error as VaultError {
            throw CommandFailure(
                error == .noPassphrase ? .inputMissing : .refused,
                "\(location.shownData): \(error.sentence)"
            )
        } catch let problem as GatewayProblem {
            throw CommandFailure(.refused, problem.sentence)
        }
        print("The vault of \(location.shownData) is made. Keep a copy of its passphrase or key file elsewhere.")
    }

    private func chooseSecret(_ source: VaultSource, tryIt: Bool) throws -> VaultSecret {
        if let passphraseFile { return .passphrase(try PassphraseSource.file(passphraseFile).read()) }
        if let keyFile { return .keyFile(try Self.keyFile(at: keyFile)) }
        switch source {
        case .passphraseFile(let path): return .passphrase(try PassphraseSource.file(path).read())
        case .keyFile(let path) where !tryIt: return .keyFile(try Self.keyFile(at: path))
        case .prompt, .keyFile:
            let typed = try Terminal.readNewSecret(
                "passphrase",
                insteadOfPrompt: "say --passphrase-file FILE or --key-file FILE"
            )
            return .passphrase(try LockedBytes(copying: Array(typed.utf8)))
        }
    }

    private static func keyFile(at path: String) throws(VaultError) -> LockedBytes {
        if access(path, F_OK) != 0 { try DurableFile.write(Vault.randomBytes(64), to: path) }
        return try PassphraseSource.keyFile(path)
    }
}

struct VaultStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say whether the vault is open and what opens it.",
        discussion: "Example: postern vault status\nExit codes: 0 shown; 1 there is no vault, or it is damaged."
    )

    @OptionGroup var place: GatewayPlace
    @OptionGroup var output: OutputOptions

    func run() throws {
        let location = try place.locate()
        let report = try Self.report(location)
        try output.show(report) {
            PlainText.pairs([("state", report.locked ? "locked" : "open")] + report.slots.map { ("opened by", $0) })
        }
    }

    private static func report(_ location: GatewayLocation) throws -> VaultReport {
        if let gateway = try RunningGateway.find(location) {
            guard case .vault(let report) = try gateway.ask(.vaultStatus) else { throw CommandFailure.unexpectedAnswer }
            return report
        }
        do {
            let status = try VaultFile.status(in: location.settings.data)
            return VaultReport(locked: true, slots: status.slots.map(\.words))
        } catch {
            throw CommandFailure(.refused, "\(location.shownData): \(error.sentence)")
        }
    }
}
