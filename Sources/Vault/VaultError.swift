// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a vault could not be made, read or used.
///
/// Holds no secret and no path.
package enum VaultError: Error, Sendable, Equatable {
    /// No slot opens with this passphrase.
    case wrongPassphrase
    /// No slot opens with this key file.
    case wrongKeyFile
    /// The file `vault` is not in the data directory.
    case missing
    /// There is a vault already; making a new one would lose everything sealed under it.
    case exists
    /// The file `vault` is damaged.
    case malformed
    /// The file `vault` was made by a newer version.
    case newerVersion
    /// A key file must hold 32 to 65,536 bytes.
    case badKeyFileSize
    /// An empty passphrase, or one of more than 4,096 bytes.
    case badPassphrase
    /// A file with a secret that every user of the machine may read.
    case secretReadableByAll
    /// No passphrase was found where it was looked for.
    case noPassphrase
    /// Sealed bytes that do not open: damaged, moved to another row, or sealed under another key.
    case doesNotOpen
    /// The system refused; the number is its `errno`.
    case system(Int32)

    /// One sentence for the person at the terminal.
    package var sentence: String {
        switch self {
        case .wrongPassphrase: "The passphrase does not open this vault."
        case .wrongKeyFile: "The key file does not open this vault."
        case .missing: "There is no vault in the data directory; make one with `postern vault init`."
        case .exists: "The data directory has a vault already; a new one would make what is sealed unreadable for good."
        case .malformed: "The file `vault` is damaged; take it from a backup."
        case .newerVersion:
            "The data directory was written by a newer version of Postern; use that version or newer."
        case .badKeyFileSize: "A key file must hold at least 32 bytes (and at most 64 KiB)."
        case .badPassphrase: "A passphrase must have 1 to 4,096 bytes."
        case .secretReadableByAll:
            "The file with the secret can be read by every user; take that right away (chmod o-rwx)."
        case .noPassphrase:
            "No passphrase was given: no terminal, no systemd credential `postern-vault`, no file in the settings."
        case .doesNotOpen: "A sealed record does not open: it is damaged or belongs elsewhere."
        case .system(ENOSPC), .system(EDQUOT): "The disk is full; make room and try again."
        case .system(EROFS): "The disk is mounted read-only; mount it for writing and try again."
        case .system(EACCES), .system(EPERM):
            "This user may not read or write there; look at the owner and the rights, or run the command as the gateway's user."
        case .system(let code): "The system refused (errno \(code))."
        }
    }
}
