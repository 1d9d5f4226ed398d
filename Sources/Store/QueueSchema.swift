// SPDX-License-Identifier: Apache-2.0

import GRDB

/// The tables of `queue.sqlite`.
///
/// In clear are row numbers, times, states and keyed hashes, and nothing else. Lengths are not written down, but who has
/// the file sees how many chunks a content has.
enum QueueSchema {
    /// "PQue".
    static let applicationID: Int32 = 0x5051_7565

    /// Named, in order, and never edited once released.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("2026-11 messages, copies, contents, epochs") { db in
            try db.execute(
                sql: """
                    -- `sealed`: the epoch key, under the root key. The row goes when the epoch's last message has left.
                    CREATE TABLE epochs (id INTEGER PRIMARY KEY, created INTEGER NOT NULL, sealed BLOB NOT NULL);
                    -- `sealed`: record id (16 bytes), then envelope and recipients under the message's key.
                    CREATE TABLE messages (
                        id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, first_content INTEGER NOT NULL,
                        content_count INTEGER NOT NULL, sealed BLOB NOT NULL);
                    -- id = message << 16 | index. Kept narrow: it is read as a whole at start.
                    -- `lookup`: 8 bytes of a keyed hash of the message's public id; `hop_high`, `hop_low`: 16 bytes of one.
                    CREATE TABLE copies (
                        id INTEGER PRIMARY KEY, state INTEGER NOT NULL, due INTEGER NOT NULL, epoch INTEGER NOT NULL,
                        content INTEGER NOT NULL, lookup INTEGER NOT NULL, hop_high INTEGER NOT NULL,
                        hop_low INTEGER NOT NULL);
                    -- Same id as the copy; a row only once there is something to remember.
                    CREATE TABLE progress (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
                    -- id = content << 20 | index.
                    CREATE TABLE chunks (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
                    -- Contents whose message is not visible yet.
                    CREATE TABLE pending (first_content INTEGER PRIMARY KEY, content_count INTEGER NOT NULL);
                    """
            )
        }
        // Changes no table: it keeps programs away that do not know the rows of version 2.
        migrator.registerMigration("2026-11 rows tell when a hold ended") { _ in }
        return migrator
    }
}

/// A copy's state, as stored.
package enum CopyState: UInt8, Sendable, Codable, CaseIterable {
    /// To be tried when due.
    case ready = 0
    /// Waits without being tried.
    case held = 1
    /// Given up where no report may be sent; readable by the operator until due.
    case discarded = 2
    /// A row of it does not open.
    case setAside = 3
}
