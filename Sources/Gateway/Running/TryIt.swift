// SPDX-License-Identifier: Apache-2.0

import Accounts
import Glibc
import Mail
import Privacy
import Settings
import Vault

/// Try-it mode: a gateway without a settings file, on loopback, with two mailboxes and a vault that protects nothing.
struct TryIt {
    let settings: PosternSettings
    let data: DataDirectory
    let time: Time

    static let domain = "postern.test"
    static let names = ["alice", "bob"]

    /// Makes the key file and the vault at the first start.
    static func prepareVault(_ settings: PosternSettings, time: Time) throws {
        guard case .keyFile(let path) = settings.vault, !VaultFile.exists(in: settings.data) else { return }
        unsafe mkdir(settings.data, 0o700)
        if unsafe access(path, F_OK) != 0 { try DurableFile.write(Vault.randomBytes(32), to: path) }
        let secret = VaultSecret.keyFile(try PassphraseSource.keyFile(path))
        try VaultFile.create(in: settings.data, secret: secret, now: time.wall())
    }

    /// Makes the users that are missing; the passwords that were made, by name.
    func makeUsers() async throws -> [(name: String, password: String)] {
        var made: [(String, String)] = []
        for name in Self.names {
            guard let address = EmailAddress("\(name)@\(Self.domain)"),
                let account = AccountName(name), data.accounts.account(account) == nil
            else { continue }
            let password = Self.password()
            try await data.accounts.add(Account(name: account, addresses: [address]), password: Array(password.utf8))
            made.append((name, password))
        }
        return made
    }

    /// What to try next: three commands that work as they stand.
    func text(passwords: [(name: String, password: String)], mxPort: Int, submissionPort: Int) -> String {
        let postern = CommandLine.arguments.first ?? "postern"
        let base = mxPort - 25
        let place = "--data \(settings.data)" + (base == 2500 ? "" : " --port-base \(base)")
        let home = settings.data + "/try-it-gnupg"
        let send = "swaks --server 127.0.0.1:\(mxPort) --from you@example.org --to alice@\(Self.domain)"
        var lines = [
            "Try-it mode: the vault's key lies beside the data in \(settings.data). That protects nothing.",
            "Mail for alice@\(Self.domain) and bob@\(Self.domain): MX on 127.0.0.1:\(mxPort), submission with STARTTLS on "
                + "127.0.0.1:\(submissionPort).",
        ]
        for (name, password) in passwords {
            lines.append("Made the user \(name) with the password \(password), shown only now.")
        }
        lines += [
            "Three commands to try next:",
            "  \(send) --header 'Subject: hello' --body 'in clear'",
            "  mkdir -p -m 700 \(home) && gpg --homedir \(home) --batch --passphrase '' --quick-gen-key alice@\(Self.domain) "
                + "default default never && gpg --homedir \(home) --export alice@\(Self.domain) | \(postern) keys import \(place) - "
                + "&& \(send) --header 'Subject: secret' --body 'for alice alone'",
            "  ls -tr \(settings.data)/mail/alice/new/* | tail -n 1 | xargs gpg --homedir \(home) --decrypt",
        ]
        return lines.joined(separator: "\n")
    }

    /// Sixteen letters and digits: 82 random bits.
    private static func password() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
        return String((0..<16).compactMap { _ in alphabet.randomElement() })
    }
}
