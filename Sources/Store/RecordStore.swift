// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
package import Privacy
import Synchronization
package import Vault

/// What a sealed record is about.
package enum RecordKind: UInt8, Sendable, CaseIterable, FixedWord {
    case account = 1
    case alias = 2
    /// An OpenPGP certificate.
    case certificate = 3
    /// What a next hop said about a recipient.
    case callAhead = 4
    /// What the gateway remembers of a next hop or a peer.
    case peer = 5
    /// Small facts of the gateway itself.
    case setting = 6
    /// A sender's address that is too long to be rewritten into one of ours.
    case returnPath = 12
    /// What an account sent lately.
    case sending = 13
    /// What is kept of an account whose password Dovecot knows.
    case dovecotAccount = 14
    /// That mail to a host was encrypted.
    case ratchet = 15
    /// A domain's MTA-STS policy.
    case stsPolicy = 21
    /// What the TLS report on a day tells a domain.
    case tlsCounts = 22
    /// A TLS report that somebody sent about us.
    case tlsReport = 23
    /// The certificates and keys of this server.
    case serverKeys = 20

    package var fixedWord: StaticString {
        switch self {
        case .account: "account"
        case .alias: "alias"
        case .certificate: "certificate"
        case .callAhead: "call-ahead"
        case .peer: "peer"
        case .setting: "setting"
        case .returnPath: "return-path"
        case .dovecotAccount: "dovecot-account"
        case .sending: "sending"
        case .ratchet: "ratchet"
        case .stsPolicy: "sts-policy"
        case .tlsCounts: "tls-counts"
        case .tlsReport: "tls-report"
        case .serverKeys: "server-keys"
        }
    }
}

/// One record, opened.
package struct StoredRecord: Sendable {
    package let id: [UInt8]
    package let value: [UInt8]
    package let expires: WallTime?
}

/// Sealed records in `keys.sqlite`, found by id or by keyed hashes of what they are about.
///
/// In clear are kinds (as part of the keyed hashes and as numbers), times and keyed hashes. A record that has expired is
/// not found any more, and deleted by ``removeExpired()``. One that does not open is set aside, logged and counted.
package final class RecordStore: Sendable {
    private let vault: Vault
    private let time: Time
    private let log: Log
    private let database: SealedDatabase
    private let committer: GroupCommitter<RecordOperation>
    private let lookupHasher: KeyedHasher
    private let lock: Mutex<DirectoryLock?>
    private let sharedHealth = SharedHealth()

    /// Opens (or makes) `keys.sqlite` in `directory`.
    ///
    /// Throws what ``QueueStore/open(directory:vault:time:log:options:)`` throws.
    package static func open(directory: String, vault: Vault, time: Time, log: Log) throws(StoreError) -> RecordStore {
        try RecordStore(directory: directory, vault: vault, time: time, log: log)
    }

    private init(directory: String, vault: Vault, time: Time, log: Log) throws(StoreError) {
        self.vault = vault
        self.time = time
        self.log = log
        lookupHasher = vault.hasher("record lookup")
        lock = Mutex(try DirectoryLock(directory: directory, name: "keys.lock"))
        let database = try SealedDatabase(
            DatabaseFile(
                path: directory + "/keys.sqlite",
                applicationID: RecordSchema.applicationID,
                migrator: RecordSchema.migrator,
                maxPages: nil
            )
        )
        self.database = database
        let health = sharedHealth
        committer = GroupCommitter(label: "postern.keys.writer") { commits in
            health.take(
                RecordWriter.write(commits.flatMap(\.operations), to: database),
                database: database,
                log: log
            )
        }
    }

    /// How the last write went.
    package var health: StoreHealth { sharedHealth.current }

    /// Writes a record, in place of the one with the same kind and id, with its look-ups; returns when it is durable.
    ///
    /// `id` is at most a few hundred bytes, and is hashed like a look-up. A look-up is any text: an address key, say.
    package func put(
        kind: RecordKind,
        id: [UInt8],
        lookups: [String] = [],
        value: [UInt8],
        expires: WallTime? = nil
    ) async throws(StoreError) {
        let hash = idHash(kind, id)
        let sealed = vault.sealRecord(
            RecordBody(id: id, value: value, expires: expires).encoded(),
            purpose: "record",
            context: context(kind, hash)
        )
        let row = RecordOperation.Row(
            kind: kind,
            id: hash,
            lookups: Set(lookups).map { lookupHash(kind, $0) },
            expires: expires,
            sealed: sealed
        )
        try await committer.commit(.init(operations: [.put(row)], bytes: sealed.count))
    }

    /// The record with this id.
    package func get(_ kind: RecordKind, id: [UInt8]) async throws(StoreError) -> StoredRecord? {
        try await fetch(
            kind,
            "SELECT id, sealed, expires FROM records WHERE kind = ? AND id = ? AND set_aside = 0",
            idHash(kind, id)
        ).first
    }

    /// Records with this look-up, oldest first.
    package func find(_ kind: RecordKind, lookup: String) async throws(StoreError) -> [StoredRecord] {
        try await fetch(
            kind,
            """
            SELECT records.id, records.sealed, records.expires FROM lookups JOIN records ON records.row = lookups.record
            WHERE records.kind = ? AND lookups.hash = ? AND records.set_aside = 0 ORDER BY records.row
            """,
            lookupHash(kind, lookup)
        )
    }

    /// Every record of a kind, oldest first.
    package func all(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] {
        try await fetch(
            kind,
            "SELECT id, sealed, expires FROM records WHERE kind = ? AND set_aside = 0 ORDER BY row",
            nil
        )
    }

    /// Deletes the record with this id; nothing happens when there is none.
    package func remove(_ kind: RecordKind, id: [UInt8]) async throws(StoreError) {
        try await committer.commit(.init(operations: [.remove(kind, idHash(kind, id))]), isCancellable: false)
    }

    /// Deletes what has expired.
    package func removeExpired() async throws(StoreError) {
        try await committer.commit(.init(operations: [.removeExpired(time.wall())]), isCancellable: false)
    }

    /// How many records were set aside because they do not open.
    package func countSetAside() async throws(StoreError) -> Int {
        try await database.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM records WHERE set_aside = 1") ?? 0
        }
    }

    /// A keyed hash of `input` (32 bytes), the same as long as the vault is the same.
    package func keyedHash(_ purpose: StaticString, _ input: [UInt8]) -> [UInt8] { vault.keyedHash(purpose, input) }

    /// Ends what was handed in, then closes the file.
    package func close() async {
        await committer.close()
        database.close()
        lock.withLock { $0 = nil }
    }

    private func fetch(_ kind: RecordKind, _ sql: String, _ hash: Data?) async throws(StoreError) -> [StoredRecord] {
        let now = time.wall()
        let rows = try await database.read { db in
            var arguments: StatementArguments = [Int64(kind.rawValue)]
            if let hash { arguments += [hash] }
            return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments).map { row in
                (id: row[0] as Data, sealed: row[1] as Data, expires: row[2] as Int64?)
            }
        }
        var records: [StoredRecord] = []
        var damaged: [Data] = []
        for row in rows {
            if let expires = row.expires, expires <= now.milliseconds { continue }
            if let record = open(kind, row.id, row.sealed) { records.append(record) } else { damaged.append(row.id) }
        }
        if !damaged.isEmpty { await setAside(kind, damaged) }
        return records.filter { $0.expires.map { $0 > now } ?? true }
    }

    private func open(_ kind: RecordKind, _ hash: Data, _ sealed: Data) -> StoredRecord? {
        guard let bytes = try? vault.openRecord(sealed, purpose: "record", context: context(kind, hash)),
            let body = try? RecordBody(decoding: bytes)
        else { return nil }
        return StoredRecord(id: body.id, value: body.value, expires: body.expires)
    }

    private func setAside(_ kind: RecordKind, _ hashes: [Data]) async {
        log.error(
            "a sealed record does not open and was set aside",
            .word("kind", kind),
            .count("records", hashes.count)
        )
        let operations = hashes.map { RecordOperation.setAside(kind, $0) }
        // If even this fails, the health says so, and the next reading tries again.
        try? await committer.commit(.init(operations: operations), isCancellable: false)
    }

    private func idHash(_ kind: RecordKind, _ id: [UInt8]) -> Data {
        Data(lookupHasher.hash([0, kind.rawValue] + id).prefix(16))
    }

    private func lookupHash(_ kind: RecordKind, _ lookup: String) -> Data {
        Data(lookupHasher.hash([1, kind.rawValue] + Array(lookup.utf8)).prefix(16))
    }

    private func context(_ kind: RecordKind, _ hash: Data) -> [UInt8] {
        SealContext.record("\(kind.fixedWord)") + [UInt8](hash)
    }
}
