// SPDX-License-Identifier: Apache-2.0

import Store
import Synchronization

extension Accounts {
    /// Whether any user asked for SCRAM; nobody is offered it otherwise, because clients prefer it to what they could use.
    package var offersSCRAM: Bool { directory.withLock { $0.accounts.values.contains { $0.scram != nil } } }

    package func usesSCRAM(_ name: AccountName) -> Bool {
        directory.withLock { $0.accounts[name]?.scram != nil }
    }

    /// What a login's proof is checked against.
    ///
    /// A login without a record gets one that no proof meets, with a salt that stays the same, so that nobody can tell
    /// them apart.
    package func scramVerifier(login: String) -> SCRAMVerifier {
        let secret = records.keyedHash("scram salt", Array(login.lowercased().utf8))
        return find(login: login)?.scram ?? SCRAMVerifier(nobody: secret)
    }

    /// The account of a login that has proved its password.
    package func scramAccount(login: String) -> Account? {
        find(login: login).flatMap { $0.scram == nil ? nil : $0.account }
    }
}
