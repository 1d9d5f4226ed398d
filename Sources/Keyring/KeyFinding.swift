// SPDX-License-Identifier: Apache-2.0

package import OpenPGP
package import Store

/// Which key there is for an address.
package enum KeyFinding: Sendable {
    /// Never empty; newest first.
    ///
    /// A message is encrypted to all of them.
    package typealias Usable = [JudgedCertificate]

    case usable(Usable)
    /// A confirmed key is there, but it can't be used now. The sentence says why and what to do; it names nobody.
    ///
    /// The address *had a key*: mail for it is never sent in clear.
    case unusable(String)
    /// No key was ever confirmed for the address, or the operator removed it.
    case none
}

/// A certificate that an import brought into the keyring.
package struct ImportedKey: Sendable {
    package enum Change: Sendable {
        case added
        /// A copy was there, and this one had something new.
        case updated
        /// A copy was there that holds all that this one does.
        case unchanged
    }

    /// What is in the keyring now; after an update it may be unusable.
    package let key: StoredKey
    package let change: Change
}

/// Why the keyring did not do what was asked.
package enum KeyringError: Error, Sendable {
    /// The certificate is good for nothing now; with what could be read of it.
    case unusable(CertificateVerdict, JudgedCertificate?)
    /// It would take back a revocation that is known.
    case rollback
    /// The judge could not be asked.
    case judgeFailed(WorkerError)
    /// The store could not be read or written.
    case storeFailed(StoreError)

    /// One sentence for the operator; it names nobody.
    package var sentence: String {
        switch self {
        case .unusable(let verdict, _): verdict.sentence
        case .rollback: "This copy would take back a revocation that is known: ask the owner for a new key."
        case .judgeFailed(let error): error.sentence
        case .storeFailed(let error): error.sentence
        }
    }
}
