// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Privacy
import Synchronization
import Vault

/// Writes batches and keeps the picture in memory true to the file.
///
/// ``write(_:)`` runs on the writer's thread only.
final class QueueWriter: Sendable {
    let database: SealedDatabase
    let vault: Vault
    let index = Mutex(QueueIndex())
    let epochs = Mutex(EpochTable())
    let fresh = Mutex(FreshCache())
    let health = Mutex(StoreHealth.ok)
    private let needsReload = Mutex(false)
    /// Leased rows taken out of the picture for a commit that has not succeeded yet.
    private let removing = Mutex<[Int64]>([])
    private let log: Log
    private let wake: @Sendable () -> Void

    init(database: SealedDatabase, vault: Vault, log: Log, wake: @escaping @Sendable () -> Void) throws(StoreError) {
        self.database = database
        self.vault = vault
        self.log = log
        self.wake = wake
        try removePending()
        try load()
    }

    /// One transaction for all of `commits`.
    func write(_ commits: [GroupCommitter<QueueOperation>.Commit]) -> Result<Void, StoreError> {
        do throws(StoreError) {
            if needsReload.withLock({ $0 }) { try load() }
            let operations = Self.removalsFirst(commits.flatMap(\.operations))
            let leavers = try database.write { db in
                let rows = try QueueRows(db)
                var leavers: [Int64] = []
                for operation in operations {
                    if let epoch = try apply(operation, rows) { leavers.append(epoch) }
                }
                return leavers
            }
            took(operations, leavers)
            return .success(())
        } catch {
            failed(error)
            return .failure(error)
        }
    }

    /// Destroys the keys of closed epochs whose last message has left, and cuts the log in which their rows still stand.
    func destroyEndedEpochs() {
        let ended = epochs.withLock { $0.ended() }
        guard !ended.isEmpty else { return }
        do throws(StoreError) {
            try database.write { db in
                let rows = try QueueRows(db)
                for number in ended { try rows.delete(epoch: number) }
            }
            epochs.withLock { epochs in for number in ended { epochs.remove(number) } }
            try database.writerWithoutTransaction { db in
                _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
            }
            log.debug("epoch keys destroyed", .count("epochs", ended.count))
        } catch {
            failed(error)
        }
    }

    /// Gives pages that deletions left behind back to the file system, a little at a time.
    func shrink() {
        do throws(StoreError) {
            let free = try database.writerWithoutTransaction { db in
                try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
            }
            guard free > 4096 else { return }
            try database.writerWithoutTransaction { db in try db.execute(sql: "PRAGMA incremental_vacuum(1024)") }
        } catch {
            failed(error)
        }
    }

    /// The same operations, those first that free pages.
    ///
    /// The new rows behind them take these pages, so that a page goes into the log once and not twice. Nothing else in a
    /// batch speaks of a copy that is removed: whoever removes it has leased it.
    private static func removalsFirst(_ operations: [QueueOperation]) -> [QueueOperation] {
        var removals: [QueueOperation] = []
        var others: [QueueOperation] = []
        for operation in operations {
            if case .remove = operation { removals.append(operation) } else { others.append(operation) }
        }
        return removals + others
    }

    /// Writes one operation; the epoch whose message left with it, if any.
    private func apply(_ operation: QueueOperation, _ rows: QueueRows) throws -> Int64? {
        switch operation {
        case .begin(let contents): try rows.markPending(contents)
        case .chunks(let chunks): try rows.insert(chunks)
        case .message(let message):
            if let epoch = epochs.withLock({ $0.unwrittenRow(message.epoch) }) {
                try rows.insert(epoch: message.epoch, created: epoch.created, sealed: epoch.sealed)
            }
            try rows.insert(message)
        case .abandon(let contents):
            try rows.deleteChunks(of: contents)
            try rows.unmarkPending(contents)
        case .change(let change):
            guard index.withLock({ $0.entries[change.row.number] != nil }) else { return nil }
            try rows.update(change)
        case .remove(let removal):
            // Out of the picture before the commit, so that the next removal in this batch sees who is left. Whoever
            // removes a copy has leased it, so nobody else looks at it; if the commit fails, the picture is read anew.
            let departure = index.withLock { index in
                defer { index.remove(removal.row, size: removal.size) }
                return index.departure(of: removal.row)
            }
            guard let departure else { return nil }
            needsReload.withLock { $0 = true }
            removing.withLock { $0.append(removal.row.number) }
            try rows.delete(removal, departure)
            return departure.messageIsGone ? departure.entry.epoch : nil
        }
        return nil
    }

    /// Brings memory up to date after a commit.
    private func took(_ operations: [QueueOperation], _ leavers: [Int64]) {
        needsReload.withLock { $0 = false }
        removing.withLock { $0 = [] }
        health.withLock { $0 = .ok }
        var hasWork = false
        index.withLock { index in
            for operation in operations {
                switch operation {
                case .message(let message):
                    for copy in message.copies {
                        index.insert(
                            copy.row,
                            state: copy.state,
                            due: copy.due,
                            nextHop: copy.nextHop,
                            content: copy.content,
                            epoch: message.epoch,
                            lookup: message.lookup,
                            size: copy.size
                        )
                    }
                    hasWork = true
                case .change(let change):
                    index.change(change.row, state: change.state, due: change.due, size: change.size)
                    hasWork = true
                case .begin, .chunks, .abandon, .remove: break
                }
            }
        }
        fresh.withLock { fresh in
            for operation in operations {
                switch operation {
                case .message(let message): if let memory = message.memory { fresh.insert(memory) }
                case .change(let change): fresh.remove(change.row.message)
                case .begin, .chunks, .abandon, .remove: break
                }
            }
        }
        let hasEnded = epochs.withLock { epochs in
            for case .message(let message) in operations { epochs.arrived(epoch: message.epoch) }
            for epoch in leavers { epochs.left(epoch: epoch) }
            return !leavers.isEmpty && epochs.count > 1 && !epochs.ended().isEmpty
        }
        if !leavers.isEmpty { forgetGone(operations) }
        if hasEnded { destroyEndedEpochs() }
        if hasWork { wake() }
    }

    private func forgetGone(_ operations: [QueueOperation]) {
        let gone = index.withLock { index in
            operations.compactMap { operation -> Int64? in
                guard case .remove(let removal) = operation, !index.hasCopies(of: removal.row.message) else {
                    return nil
                }
                return removal.row.message
            }
        }
        fresh.withLock { fresh in for number in gone { fresh.remove(number) } }
    }

    /// Says what happened, and gives up the connections unless the disk was merely full.
    private func failed(_ error: StoreError) {
        health.withLock { $0 = error == .full ? .full : .failing(error) }
        switch error {
        case .full:
            log.error("the disk is full, new mail is refused")
            // Rolled back cleanly: what was taken out of the picture is put back at once. If that fails, the next write does it.
            if needsReload.withLock({ $0 }) { try? load() }
        case .closed: break
        default:
            // Whether the batch reached the disk cannot be known: the files are opened anew and read again.
            log.error("the queue could not be written, opening it anew", .word("error", error.word))
            database.abandonConnections()
            needsReload.withLock { $0 = true }
        }
    }

    /// Removes contents whose message never became visible: the run that wrote them ended first.
    private func removePending() throws(StoreError) {
        let contents = try database.writerWithoutTransaction { db in
            try Row.fetchAll(db, sql: "SELECT first_content, content_count FROM pending").map { row in
                let first: Int64 = row[0]
                return first..<(first + max(0, row[1] as Int64))
            }
        }
        for range in contents {
            // A few rows at a time, so that the log stays small.
            let rows = ChunkRow.range(contents: range)
            var removed = 1
            while removed > 0 {
                removed = try database.write { db in
                    try db.execute(
                        sql: "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE id BETWEEN ? AND ? LIMIT 64)",
                        arguments: [rows.first, rows.last]
                    )
                    return db.changesCount
                }
            }
            try database.write { db in try QueueRows(db).unmarkPending(range) }
        }
        if !contents.isEmpty {
            log.notice("unfinished messages of the last run removed", .count("messages", contents.count))
        }
    }

    /// Reads the picture from the file.
    ///
    /// Leases of copies that are still there stay.
    private func load() throws(StoreError) {
        let picture = try database.writerWithoutTransaction { db in try QueuePicture(reading: db) }
        index.withLock { index in
            var fromFile = picture.index
            let leased = index.entries.filter { $0.value.isLeased }.map(\.key) + removing.withLock { $0 }
            for number in leased { _ = fromFile.lease(CopyRow(number: number)) }
            index = fromFile
        }
        epochs.withLock { $0.enter(picture, vault: vault) }
        needsReload.withLock { $0 = false }
        removing.withLock { $0 = [] }
        destroyEndedEpochs()
    }
}

extension StoreError {
    /// A fixed word for the log.
    var word: StaticString {
        switch self {
        case .full: "full"
        case .io: "io"
        case .damaged: "damaged"
        case .closed: "closed"
        default: "other"
        }
    }
}
