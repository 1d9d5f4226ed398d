// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy
import Store
import Synchronization

extension Accounts {
    /// The account of somebody whom Dovecot let in.
    ///
    /// It may send as its login, when that is an address that `owns` says is ours, and as what the operator added. The first
    /// sign-in is kept, sealed, for the soft start; when that can't be written, the account still starts softly next time.
    package func dovecotAccount(
        _ name: AccountName,
        now: WallTime,
        owns: (Domain) -> Bool
    ) async -> Account {
        if created(name) == nil {
            try? await changes.perform { [self] in
                var record = directory.withLock { $0.dovecot[name] } ?? DovecotAccountRecord(login: name.text)
                guard record.firstSeen == nil else { return }
                record.firstSeen = now.seconds
                try await save(record, name)
            }
        }
        let address = EmailAddress(name.text).flatMap { owns($0.domain) ? $0 : nil }
        return Account(name: name, addresses: address.map { [$0] } ?? [], sendAs: sendAs(of: name))
    }

    /// Every login at Dovecot of which something is kept, by name.
    package func dovecotLogins() -> [AccountName] {
        directory.withLock { Array($0.dovecot.keys) }.sorted()
    }

    /// Forgets what is kept of a login at Dovecot.
    package func forgetDovecot(_ name: AccountName) async throws {
        try await changes.perform { [self] in
            guard directory.withLock({ $0.dovecot[name] != nil }) else { throw AccountError.unknown }
            try await records.remove(.dovecotAccount, id: Array(name.text.utf8))
            try await reload()
        }
    }
}
