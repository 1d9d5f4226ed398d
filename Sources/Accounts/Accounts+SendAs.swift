// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Mail
package import Privacy
import Store
import Synchronization

extension Accounts {
    /// What an account may send as beside its own addresses.
    package func sendAs(of name: AccountName) -> [AddressPattern] {
        directory.withLock { Self.sendAs(name, $0) }
    }

    static func sendAs(_ name: AccountName, _ directory: AddressBook) -> [AddressPattern] {
        switch name.home {
        case .own: directory.accounts[name]?.account?.sendAs ?? []
        case .dovecot: (directory.dovecot[name]?.sendAs ?? []).compactMap { AddressPattern($0) }
        }
    }

    /// Adds to and removes from what an account may send as; durable on return.
    ///
    /// A login at Dovecot need not have been seen before. Nothing happens for what is there, or is not there, already.
    package func changeSendAs(of name: AccountName, add: [AddressPattern], remove: [AddressPattern]) async throws {
        switch name.home {
        case .own:
            try await change(name) { record, _ in
                record.sendAs = try Self.changed(record.sendAs ?? [], add, remove)
            }
        case .dovecot:
            try await changes.perform { [self] in
                var record = directory.withLock { $0.dovecot[name] } ?? DovecotAccountRecord(login: name.text)
                record.sendAs = try Self.changed(record.sendAs, add, remove)
                try await save(record, name)
            }
        }
    }

    /// When an account began, for the soft start; nil when it has none.
    package func created(_ name: AccountName) -> WallTime? {
        directory.withLock { directory in
            let seconds =
                switch name.home {
                case .own: directory.accounts[name]?.created
                case .dovecot: directory.dovecot[name]?.firstSeen
                }
            return seconds.map { WallTime(seconds: $0) }
        }
    }

    func save(_ record: DovecotAccountRecord, _ name: AccountName) async throws {
        try await records.put(
            kind: .dovecotAccount,
            id: Array(name.text.utf8),
            value: [UInt8](JSONEncoder().encode(record))
        )
        try await reload()
    }

    private static func changed(_ old: [String], _ add: [AddressPattern], _ remove: [AddressPattern]) throws -> [String]
    {
        var list = old.compactMap { AddressPattern($0) }.filter { !remove.contains($0) }
        for entry in add where !list.contains(entry) { list.append(entry) }
        guard list.count <= mostSendAs else { throw AccountError.tooManySendAs }
        return list.map(\.wire)
    }
}
