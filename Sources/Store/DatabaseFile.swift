// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Glibc

/// How one of the two SQLite files is opened: settings on which durability and privacy depend, read back each time.
struct DatabaseFile: Sendable {
    let path: String
    /// `PRAGMA application_id`: tells our files from others.
    let applicationID: Int32
    let migrator: DatabaseMigrator
    /// An upper limit for the file, in pages; nil: as large as the disk.
    var maxPages: Int?

    /// A message of 10 KiB takes two pages of this size, and half the writes that it takes with 4 KiB.
    static let pageBytes = 8192
    /// Pages in the write-ahead log after which a commit copies it into the database: 16 MiB.
    private static let checkpointPages = 2000

    /// Each setting, and what reading it back must give.
    private var pragmas: [(name: String, value: String, expected: String)] {
        [
            // These two have a say only before the first page is written.
            ("page_size", "\(Self.pageBytes)", "\(Self.pageBytes)"),
            ("auto_vacuum", "INCREMENTAL", "2"),
            ("journal_mode", "WAL", "wal"),
            ("synchronous", Self.synchronous.name, Self.synchronous.level),
            ("secure_delete", "ON", "1"),
            ("foreign_keys", "ON", "1"),
            // Sorted and intermediate rows never go to a file.
            ("temp_store", "MEMORY", "2"),
            ("wal_autocheckpoint", "\(Self.checkpointPages)", "\(Self.checkpointPages)"),
            ("cache_size", "-8192", "-8192"),
            ("trusted_schema", "OFF", "0"),
        ]
    }

    /// FULL: a commit returns after its sync.
    ///
    /// GRDB's own WAL mode would set NORMAL, so that mode is not used.
    private static var synchronous: (name: String, level: String) {
        #if POSTERN_TEST_BUILD
            // Shows that the test which watches the syncs can fail.
            if let value = unsafe getenv("POSTERN_TEST_SYNCHRONOUS"), unsafe strcmp(value, "NORMAL") == 0 {
                return ("NORMAL", "1")
            }
        #endif
        return ("FULL", "2")
    }

    /// The only connection that writes and checkpoints.
    ///
    /// Makes the file (0600) when it is not there, and migrates it.
    func openWriter() throws(StoreError) -> DatabaseQueue {
        try makeFile()
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in try prepare(db) }
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try migrate(queue)
            return queue
        } catch {
            throw StoreError(error)
        }
    }

    /// A connection that only reads, for contents and lists.
    func openReader() throws(StoreError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096")
        }
        do { return try DatabaseQueue(path: path, configuration: configuration) } catch { throw StoreError(error) }
    }

    /// SQLite gives `-wal` and `-shm` the permissions of the database file.
    private func makeFile() throws(StoreError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .io("open") }
        close(descriptor)
    }

    private func prepare(_ db: Database) throws {
        let found = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard found == applicationID || (found == 0 && tables == 0) else { throw StoreError.foreignFile }
        for pragma in pragmas {
            try db.execute(sql: "PRAGMA \(pragma.name) = \(pragma.value)")
            let readBack = try String.fetchOne(db, sql: "PRAGMA \(pragma.name)")
            guard readBack == pragma.expected else { throw StoreError.pragma(pragma.name) }
        }
        if let maxPages { try db.execute(sql: "PRAGMA max_page_count = \(maxPages)") }
        if found == 0 { try db.execute(sql: "PRAGMA application_id = \(applicationID)") }
    }

    private func migrate(_ queue: DatabaseQueue) throws {
        guard try !queue.read({ db in try migrator.hasBeenSuperseded(db) }) else { throw StoreError.newerSchema }
        try migrator.migrate(queue)
    }
}

extension StoreError {
    /// Any error of GRDB or SQLite as one of ours; its text, which may quote SQL, is dropped.
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError:
            switch error.resultCode {
            case .SQLITE_FULL: self = .full
            case .SQLITE_IOERR: self = .io("input or output")
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .io("corrupt")
            case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY: self = .io("not writable")
            case .SQLITE_BUSY, .SQLITE_LOCKED: self = .io("busy")
            case .SQLITE_NOMEM: self = .io("memory")
            case .SQLITE_MISUSE: self = .closed
            default: self = .io("SQLite \(error.resultCode.rawValue)")
            }
        case is CancellationError: self = .cancelled
        default: self = .io("unexpected")
        }
    }
}
