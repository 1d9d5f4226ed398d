// SPDX-License-Identifier: Apache-2.0

/// `[tls]`: the server's own certificate, as PEM files.
package struct TLSFiles: Sendable, Hashable {
    /// The chain, leaf first.
    package var certificate: String
    /// The private key, encrypted or not.
    package var key: String
    /// A file whose first line opens an encrypted key.
    package var keyPassphraseFile: String?

    package init(certificate: String, key: String, keyPassphraseFile: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.keyPassphraseFile = keyPassphraseFile
    }
}

/// `[vault]`: what opens the vault at start.
package enum VaultSource: Sendable, Hashable {
    /// The systemd credential when there is one, else a question on the terminal.
    case prompt
    /// A file whose first line is the passphrase.
    case passphraseFile(String)
    /// A file that holds a key slot's bytes.
    case keyFile(String)

    /// The systemd credential that ``prompt`` looks for in `$CREDENTIALS_DIRECTORY`.
    package static let credentialName = "postern-vault"
}
