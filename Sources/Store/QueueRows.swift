// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Privacy

/// The statements that write the queue, prepared once and kept by the connection.
///
/// For use inside one transaction.
struct QueueRows {
    private let db: Database
    private let insertMessage: Statement
    private let insertCopy: Statement
    private let insertChunk: Statement
    private let deleteCopy: Statement
    private let deleteProgress: Statement
    private let deleteMessage: Statement
    private let deleteChunks: Statement

    init(_ db: Database) throws {
        self.db = db
        insertMessage = try db.cachedStatement(
            sql: "INSERT INTO messages (id, epoch, first_content, content_count, sealed) VALUES (?, ?, ?, ?, ?)"
        )
        insertCopy = try db.cachedStatement(
            sql:
                "INSERT INTO copies (id, state, due, epoch, content, lookup, hop_high, hop_low) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        insertChunk = try db.cachedStatement(sql: "INSERT INTO chunks (id, data) VALUES (?, ?)")
        deleteCopy = try db.cachedStatement(sql: "DELETE FROM copies WHERE id = ?")
        deleteProgress = try db.cachedStatement(sql: "DELETE FROM progress WHERE id = ?")
        deleteMessage = try db.cachedStatement(sql: "DELETE FROM messages WHERE id = ?")
        deleteChunks = try db.cachedStatement(sql: "DELETE FROM chunks WHERE id BETWEEN ? AND ?")
    }

    func insert(epoch number: Int64, created: WallTime, sealed: Data) throws {
        try run(
            "INSERT OR IGNORE INTO epochs (id, created, sealed) VALUES (?, ?, ?)",
            [number, created.seconds, sealed]
        )
    }

    func delete(epoch number: Int64) throws { try run("DELETE FROM epochs WHERE id = ?", [number]) }

    func insert(_ chunks: [SealedChunk]) throws {
        for chunk in chunks { try run(insertChunk, [chunk.row, chunk.data]) }
    }

    func insert(_ message: SealedMessage) throws {
        try run(
            insertMessage,
            [message.number, message.epoch, message.contents.lowerBound, message.contents.count, message.sealed]
        )
        for copy in message.copies {
            try run(
                insertCopy,
                [
                    copy.row.number, Int64(copy.state.rawValue), copy.due.milliseconds, message.epoch, copy.content,
                    message.lookup, copy.nextHop.columns.high, copy.nextHop.columns.low,
                ]
            )
        }
        if message.wasPending { try unmarkPending(message.contents) }
    }

    func markPending(_ contents: Range<Int64>) throws {
        try run(
            "INSERT INTO pending (first_content, content_count) VALUES (?, ?)",
            [contents.lowerBound, contents.count]
        )
    }

    func unmarkPending(_ contents: Range<Int64>) throws {
        try run("DELETE FROM pending WHERE first_content = ?", [contents.lowerBound])
    }

    func deleteChunks(of contents: Range<Int64>) throws {
        guard !contents.isEmpty else { return }
        let rows = ChunkRow.range(contents: contents)
        try run(deleteChunks, [rows.first, rows.last])
    }

    func update(_ change: CopyChange) throws {
        try run(
            "UPDATE copies SET state = ?, due = ? WHERE id = ?",
            [Int64(change.state.rawValue), change.due.milliseconds, change.row.number]
        )
        guard let progress = change.progress else { return }
        try run("INSERT OR REPLACE INTO progress (id, sealed) VALUES (?, ?)", [change.row.number, progress])
    }

    /// Deletes a copy, and its message and content when they go with it.
    func delete(_ removal: CopyRemoval, _ departure: QueueIndex.Departure) throws {
        try run(deleteCopy, [removal.row.number])
        if removal.hasProgress { try run(deleteProgress, [removal.row.number]) }
        if departure.messageIsGone {
            try run(deleteMessage, [removal.row.message])
            try deleteChunks(of: removal.contents)
        } else if departure.contentIsGone {
            try deleteChunks(of: departure.entry.content..<(departure.entry.content + 1))
        }
    }

    /// The contents of messages, from the rows that are in clear.
    static func contentRanges(of messages: Set<Int64>, _ db: Database) throws -> [Int64: Range<Int64>] {
        let statement = try db.cachedStatement(sql: "SELECT first_content, content_count FROM messages WHERE id = ?")
        var ranges: [Int64: Range<Int64>] = [:]
        for message in messages {
            guard let row = try Row.fetchOne(statement, arguments: [message]) else { continue }
            let first: Int64 = row[0]
            ranges[message] = first..<(first + max(0, row[1] as Int64))
        }
        return ranges
    }

    private func run(_ sql: String, _ arguments: StatementArguments) throws {
        try run(db.cachedStatement(sql: sql), arguments)
    }

    private func run(_ statement: Statement, _ arguments: StatementArguments) throws {
        statement.setUncheckedArguments(arguments)
        try statement.execute()
    }
}
