// SPDX-License-Identifier: Apache-2.0

package import Settings
package import Vault

/// Opens the vault by what `[vault]` in the settings names.
package enum VaultOpening {
    /// Blocks for some tenths of a second (scrypt), and for a prompt until a line was typed.
    ///
    /// `mayAsk`: whether a terminal may be asked when the systemd credential is missing; else ``VaultError/noPassphrase``.
    package static func open(_ source: VaultSource, in directory: String, mayAsk: Bool) throws(VaultError) -> Vault {
        guard VaultFile.exists(in: directory) else { throw .missing }
        return try VaultFile.unlock(in: directory, secret: try secret(source, in: directory, mayAsk: mayAsk))
    }

    /// Reads the secret alone.
    package static func secret(
        _ source: VaultSource,
        in directory: String,
        mayAsk: Bool
    ) throws(VaultError) -> VaultSecret {
        switch source {
        case .keyFile(let path): return .keyFile(try PassphraseSource.keyFile(path))
        case .passphraseFile(let path): return .passphrase(try PassphraseSource.file(path).read())
        case .prompt:
            do {
                return .passphrase(try PassphraseSource.credential.read())
            } catch {
                guard error == .noPassphrase, mayAsk else { throw error }
                return .passphrase(try PassphraseSource.prompt("Passphrase of the vault in \(directory): ").read())
            }
        }
    }
}

extension VaultSlotKind {
    /// As people read it.
    package var words: String {
        switch self {
        case .passphrase: "a passphrase"
        case .keyFile: "a key file"
        }
    }
}
