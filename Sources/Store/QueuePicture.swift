// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Privacy

/// What `queue.sqlite` holds, without opening anything sealed: read at start and after a failure.
struct QueuePicture {
    private(set) var index = QueueIndex()
    private(set) var epochs: [(number: Int64, created: WallTime, sealed: Data)] = []
    private(set) var messagesByEpoch: [Int64: Int] = [:]
    /// Above every number in use.
    private(set) var nextMessage: Int64 = 1
    private(set) var nextContent: Int64 = 1

    init(reading db: Database) throws {
        try readCopies(db)
        epochs = try Row.fetchAll(db, sql: "SELECT id, created, sealed FROM epochs").map { row in
            (row[0], WallTime(seconds: row[1]), row[2])
        }
        // Message and content numbers rise together, so the newest message and the newest chunk tell all.
        if let newest = try Row.fetchOne(
            db,
            sql: "SELECT id, first_content + content_count FROM messages ORDER BY id DESC LIMIT 1"
        ) {
            nextMessage = max(nextMessage, (newest[0] as Int64) + 1)
            nextContent = max(nextContent, newest[1])
        }
        if let chunk = try Int64.fetchOne(db, sql: "SELECT max(id) FROM chunks") {
            nextContent = max(nextContent, (chunk >> 20) + 1)
        }
    }

    /// In row order, so that copies of one message follow each other.
    private mutating func readCopies(_ db: Database) throws {
        index.reserve(try Int.fetchOne(db, sql: "SELECT count(*) FROM copies") ?? 0)
        var lastMessage: Int64?
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT id, state, due, epoch, content, lookup, hop_high, hop_low FROM copies ORDER BY id"
        )
        while let row = try rows.next() {
            let copy = CopyRow(number: row[0])
            let state = CopyState(rawValue: UInt8(truncatingIfNeeded: row[1] as Int64)) ?? .setAside
            let epoch: Int64 = row[3]
            let content: Int64 = row[4]
            index.insert(
                copy,
                state: state,
                due: WallTime(milliseconds: row[2]),
                nextHop: NextHopHash(high: row[6], low: row[7]),
                content: content,
                epoch: epoch,
                lookup: row[5],
                size: state == .held ? try Self.size(of: content, db) : 0
            )
            if lastMessage != copy.message {
                messagesByEpoch[epoch, default: 0] += 1
                nextMessage = max(nextMessage, copy.message + 1)
            }
            lastMessage = copy.message
        }
    }

    /// Bytes of a content, from the lengths of its chunks.
    private static func size(of content: Int64, _ db: Database) throws -> Int {
        let rows = ChunkRow.range(contents: content..<(content + 1))
        let statement = try db.cachedStatement(
            sql: "SELECT coalesce(sum(length(data) - 28), 0) FROM chunks WHERE id BETWEEN ? AND ?"
        )
        return try Int.fetchOne(statement, arguments: [rows.first, rows.last]) ?? 0
    }
}
