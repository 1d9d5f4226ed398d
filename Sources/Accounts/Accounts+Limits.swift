// SPDX-License-Identifier: Apache-2.0

import Privacy
import Store
import Synchronization

extension Accounts {
    /// How many times the limits an account may send; 1 unless the operator said otherwise.
    package func limitTimes(of name: AccountName) -> Int {
        directory.withLock { directory in
            switch name.home {
            case .own: directory.accounts[name]?.limitTimes ?? 1
            case .dovecot: directory.dovecot[name]?.limitTimes ?? 1
            }
        }
    }

    /// Lets an account send so many times the limits; durable on return.
    package func setLimitTimes(_ times: Int, of name: AccountName) async throws {
        guard (1...1000).contains(times) else { throw AccountError.badLimit }
        switch name.home {
        case .own:
            try await change(name) { record, _ in record.limitTimes = times }
        case .dovecot:
            try await changes.perform { [self] in
                var record = directory.withLock { $0.dovecot[name] } ?? DovecotAccountRecord(login: name.text)
                record.limitTimes = times
                try await save(record, name)
            }
        }
    }
}
