// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Privacy
import Synchronization

/// The tables of `keys.sqlite`: kinds, times and keyed hashes in clear, everything else in `sealed`.
enum RecordSchema {
    /// "PKey".
    static let applicationID: Int32 = 0x504b_6579

    /// Named, in order, and never edited once released.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("2026-11 records and look-ups") { db in
            try db.execute(
                sql: """
                    CREATE TABLE records (
                        row INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id BLOB NOT NULL, expires INTEGER,
                        set_aside INTEGER NOT NULL DEFAULT 0, sealed BLOB NOT NULL);
                    CREATE UNIQUE INDEX records_by_id ON records (kind, id);
                    CREATE INDEX records_by_expiry ON records (expires) WHERE expires IS NOT NULL;
                    CREATE TABLE lookups (
                        hash BLOB NOT NULL, record INTEGER NOT NULL REFERENCES records (row) ON DELETE CASCADE,
                        PRIMARY KEY (hash, record)) WITHOUT ROWID;
                    CREATE INDEX lookups_by_record ON lookups (record);
                    """
            )
        }
        return migrator
    }
}

/// What the writer of `keys.sqlite` can be told.
enum RecordOperation: Sendable {
    struct Row: Sendable {
        let kind: RecordKind
        let id: Data
        let lookups: [Data]
        let expires: WallTime?
        let sealed: Data
    }

    case put(Row)
    case remove(RecordKind, Data)
    case removeExpired(WallTime)
    case setAside(RecordKind, Data)
}

/// Writes batches of record operations.
enum RecordWriter {
    static func write(_ operations: [RecordOperation], to database: SealedDatabase) -> Result<Void, StoreError> {
        do throws(StoreError) {
            try database.write { db in for operation in operations { try apply(operation, db) } }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private static func apply(_ operation: RecordOperation, _ db: Database) throws {
        switch operation {
        case .put(let row):
            // In place, so that a changed record keeps its position in lists.
            let statement = try db.cachedStatement(
                sql: """
                    INSERT INTO records (kind, id, expires, sealed) VALUES (?, ?, ?, ?)
                    ON CONFLICT (kind, id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed, set_aside = 0
                    RETURNING row
                    """
            )
            let arguments: StatementArguments = [
                Int64(row.kind.rawValue), row.id, row.expires?.milliseconds, row.sealed,
            ]
            guard let number = try Int64.fetchOne(statement, arguments: arguments) else {
                throw StoreError.io("record")
            }
            try run(db, "DELETE FROM lookups WHERE record = ?", [number])
            for lookup in row.lookups {
                try run(db, "INSERT OR IGNORE INTO lookups (hash, record) VALUES (?, ?)", [lookup, number])
            }
        case .remove(let kind, let id): try remove(kind, id, db)
        case .removeExpired(let now):
            try run(db, "DELETE FROM records WHERE expires IS NOT NULL AND expires <= ?", [now.milliseconds])
        case .setAside(let kind, let id):
            try run(db, "UPDATE records SET set_aside = 1 WHERE kind = ? AND id = ?", [Int64(kind.rawValue), id])
        }
    }

    private static func remove(_ kind: RecordKind, _ id: Data, _ db: Database) throws {
        try run(db, "DELETE FROM records WHERE kind = ? AND id = ?", [Int64(kind.rawValue), id])
    }

    private static func run(_ db: Database, _ sql: String, _ arguments: StatementArguments) throws {
        let statement = try db.cachedStatement(sql: sql)
        statement.setUncheckedArguments(arguments)
        try statement.execute()
    }
}

/// How the last write went, seen from every thread.
final class SharedHealth: Sendable {
    private let state = Mutex(StoreHealth.ok)

    var current: StoreHealth { state.withLock { $0 } }

    /// Notes a result; after a failure other than a full disk the connections are given up and opened anew at the next use.
    func take(_ result: Result<Void, StoreError>, database: SealedDatabase, log: Log) -> Result<Void, StoreError> {
        switch result {
        case .success: state.withLock { $0 = .ok }
        case .failure(let error):
            state.withLock { $0 = error == .full ? .full : .failing(error) }
            guard error != .full && error != .closed else { break }
            log.error("the keys could not be written, opening them anew", .word("error", error.word))
            database.abandonConnections()
        }
        return result
    }
}

/// The inside of a sealed record.
struct RecordBody {
    let id: [UInt8]
    let value: [UInt8]
    let expires: WallTime?

    private static let version: UInt8 = 1

    init(id: [UInt8], value: [UInt8], expires: WallTime?) {
        self.id = id
        self.value = value
        self.expires = expires
    }

    func encoded() -> [UInt8] {
        var writer = RowWriter(version: Self.version)
        writer.array(id)
        writer.array(value)
        writer.optional(expires) { $0.number($1.milliseconds) }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(StoreError) {
        var reader = try RowReader(bytes, version: Self.version)
        id = try reader.array()
        value = try reader.array()
        expires = try reader.optional { reader throws(StoreError) in try reader.number() }.map {
            WallTime(milliseconds: $0)
        }
    }
}
