// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
package import Privacy
import Synchronization
import Vault

extension QueueStore {
    /// Copies to be tried now, earliest first: at most `limit`, and for each next hop what `limitPerHop` deliveries carry.
    ///
    /// Copies that share a content travel in one delivery. `underWay` says how many deliveries each next hop has already;
    /// they count. A copy whose rows do not open is set aside, logged and left out. When reading fails nothing is leased.
    @concurrent
    package func lease(
        due now: WallTime,
        limit: Int,
        limitPerHop: Int = 100,
        underWay: [NextHopHash: Int] = [:]
    ) async throws(StoreError) -> [LeasedCopy] {
        let rows = writer.index.withLock {
            $0.lease(due: now, limit: limit, limitPerHop: limitPerHop, underWay: underWay)
        }
        return try await loadLeased(rows)
    }

    /// Held copies whose hold has ended (or was ended by `release`): to be decided on again, or given up.
    @concurrent
    package func leaseHeld(due now: WallTime, limit: Int) async throws(StoreError) -> [LeasedCopy] {
        let rows = writer.index.withLock { $0.leaseEnded(.held, due: now, limit: limit) }
        return try await loadLeased(rows)
    }

    /// Ends leases without an outcome: the copies are due again as they were.
    package func giveBack(_ copies: [LeasedCopy]) {
        giveBack(copies.map(\.row))
    }

    func giveBack(_ rows: [CopyRow]) {
        writer.index.withLock { index in for row in rows { index.giveBack(row) } }
    }

    /// When ``lease(due:limit:limitPerHop:underWay:)`` has something to give next; nil when nothing waits.
    package func nextDue(excluding: Set<NextHopHash> = []) -> WallTime? {
        writer.index.withLock { $0.nextReady(excluding: excluding) }
    }

    /// When the next hold ends.
    package func nextHeldDue() -> WallTime? {
        writer.index.withLock { $0.nextWait(.held) }
    }

    /// Reads leased rows; sets aside what does not open.
    func loadLeased(_ rows: [CopyRow]) async throws(StoreError) -> [LeasedCopy] {
        guard !rows.isEmpty else { return [] }
        do throws(StoreError) {
            let (copies, damaged) = try await load(rows)
            if !damaged.isEmpty { try await setAside(damaged) }
            return copies
        } catch {
            giveBack(rows)
            throw error
        }
    }

    /// Everything about these copies, and the rows of those that do not open.
    func load(_ rows: [CopyRow]) async throws(StoreError) -> (copies: [LeasedCopy], damaged: [CopyRow]) {
        var messages: [Int64: FreshMessage] = [:]
        writer.fresh.withLock { fresh in
            for row in rows { messages[row.message] = fresh.message(row.message) }
        }
        let unread = rows.filter { messages[$0.message] == nil }
        var progress: [Int64: Data] = [:]
        if !unread.isEmpty {
            // A long queue must not hold up the event loop that asks.
            let stored = try await withTaskExecutorPreference(globalConcurrentExecutor) {
                () async throws(StoreError) -> (messages: [FreshMessage], progress: [Int64: Data]) in
                let rows = try await readRows(unread)
                return (rows.messages.compactMap { open($0) }, rows.progress)
            }
            progress = stored.progress
            for message in stored.messages { messages[message.number] = message }
        }
        var copies: [LeasedCopy] = []
        var damaged: [CopyRow] = []
        for row in rows {
            let known = writer.index.withLock { index in
                index.entries[row.number].map { (state: $0.state, nextHop: index.nextHop(of: $0)) }
            }
            guard let known else { continue }
            if let message = messages[row.message],
                let copy = copy(row, known.state, known.nextHop, message, progress[row.number])
            {
                copies.append(copy)
            } else {
                damaged.append(row)
            }
        }
        return (copies, damaged)
    }

    private struct StoredMessage: Sendable {
        let number: Int64
        let epoch: Int64
        let contents: Range<Int64>
        let sealed: Data
    }

    private func readRows(
        _ rows: [CopyRow]
    ) async throws(StoreError) -> (messages: [StoredMessage], progress: [Int64: Data]) {
        try await writer.database.read { db in
            let message = try db.cachedStatement(
                sql: "SELECT epoch, first_content, content_count, sealed FROM messages WHERE id = ?"
            )
            let progressOf = try db.cachedStatement(sql: "SELECT sealed FROM progress WHERE id = ?")
            var messages: [StoredMessage] = []
            var progress: [Int64: Data] = [:]
            for number in Set(rows.map(\.message)) {
                guard let found = try Row.fetchOne(message, arguments: [number]) else { continue }
                let first: Int64 = found[1]
                messages.append(
                    StoredMessage(
                        number: number,
                        epoch: found[0],
                        contents: first..<(first + max(0, found[2] as Int64)),
                        sealed: found[3]
                    )
                )
            }
            for row in rows { progress[row.number] = try Data.fetchOne(progressOf, arguments: [row.number]) }
            return (messages, progress)
        }
    }

    private func open(_ stored: StoredMessage) -> FreshMessage? {
        guard stored.sealed.count > EpochKey.recordIDBytes,
            let epoch = writer.epochs.withLock({ $0.key(stored.epoch) })
        else { return nil }
        let key = epoch.derive(recordID: [UInt8](stored.sealed.prefix(EpochKey.recordIDBytes)))
        let sealed = Data(stored.sealed.dropFirst(EpochKey.recordIDBytes))
        guard let bytes = try? key.open(sealed, context: SealContext.message(stored.number)),
            let record = try? MessageRecord(decoding: bytes), record.contentSizes.count == stored.contents.count
        else { return nil }
        let none = [[UInt8]?](repeating: nil, count: record.contentSizes.count)
        return FreshMessage(
            number: stored.number,
            record: record,
            contents: stored.contents,
            key: key,
            plaintexts: none
        )
    }

    private func copy(
        _ row: CopyRow,
        _ state: CopyState,
        _ nextHop: NextHopHash,
        _ message: FreshMessage,
        _ sealedProgress: Data?
    ) -> LeasedCopy? {
        let record = message.record
        guard record.copies.indices.contains(row.index) else { return nil }
        let copy = record.copies[row.index]
        var progress = CopyProgress(hold: copy.initialHold)
        if let sealedProgress {
            guard let bytes = try? message.key.open(sealedProgress, context: SealContext.progress(row)),
                let opened = try? CopyProgress(decoding: bytes)
            else { return nil }
            progress = opened
        }
        return LeasedCopy(
            id: CopyID(message: record.id, index: row.index),
            envelope: record.envelope,
            recipient: copy.recipient,
            dsn: copy.dsn,
            protection: copy.protection,
            nextHopHint: copy.nextHopHint,
            journey: copy.journey,
            nextHop: nextHop,
            contentSize: record.contentSizes[copy.content],
            hold: state == .held ? progress.hold : nil,
            attempts: progress.attempts,
            firstFailure: progress.firstFailure,
            delayWarned: progress.delayWarned,
            released: progress.released,
            lastReply: progress.lastReply.map { Sensitive($0) },
            row: row,
            contents: message.contents,
            contentNumber: message.contents.lowerBound + Int64(copy.content),
            key: message.key,
            hasProgress: sealedProgress != nil,
            fresh: message.plaintexts[copy.content]
        )
    }

    private func setAside(_ rows: [CopyRow]) async throws(StoreError) {
        log.error("a sealed record does not open and was set aside", .count("copies", rows.count))
        let now = time.wall()
        let changes = rows.map {
            QueueOperation.change(CopyChange(row: $0, size: 0, state: .setAside, due: now, progress: nil))
        }
        try await committer.commit(.init(operations: changes), isCancellable: false)
    }
}
