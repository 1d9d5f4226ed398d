// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import Synchronization
import Vault

extension QueueStore {
    /// Records what became of leased copies and ends their leases, in one transaction.
    ///
    /// Messages in `alsoEnqueue` (the reports about copies that failed, the protected form of one that was held) become
    /// durable in the same transaction: a copy leaves only together with what takes its place. On an error nothing has
    /// changed and the leases stand; settle again or ``giveBack(_:)``. Cancellation does not stop it.
    @concurrent
    package func settle(_ results: [CopyOutcome], alsoEnqueue messages: [NewMessage] = []) async throws(StoreError) {
        guard !results.isEmpty || !messages.isEmpty else { return }
        let now = time.wall()
        let outcomes = results.map { operation($0, now: now) }
        try await withPrepared(messages) { (operations, bytes) async throws(StoreError) in
            let commit = GroupCommitter<QueueOperation>.Commit(
                operations: operations + outcomes,
                bytes: bytes + 256 * outcomes.count
            )
            try await committer.commit(commit, isCancellable: false)
        }
        remember(results, at: now)
    }

    private func operation(_ outcome: CopyOutcome, now: WallTime) -> QueueOperation {
        let copy = outcome.copy
        switch outcome.result {
        case .delivered, .failed, .dropped, .replaced:
            return .remove(
                CopyRemoval(
                    row: copy.row,
                    contents: copy.contents,
                    size: copy.contentSize,
                    hasProgress: copy.hasProgress
                )
            )
        case .deferred(let until, let reply, let delayWarned):
            var progress = copy.progress
            progress.attempts += 1
            progress.firstFailure = progress.firstFailure ?? now
            progress.lastReply = reply
            progress.delayWarned = progress.delayWarned || delayWarned
            progress.hold = nil
            return change(copy, .ready, due: until, progress)
        case .held(let reason, let until, let reply, let delayWarned):
            var progress = copy.progress
            progress.hold = reason
            if !reply.isEmpty { progress.lastReply = reply }
            progress.delayWarned = progress.delayWarned || delayWarned
            return change(copy, .held, due: until, progress)
        case .released:
            var progress = copy.progress
            progress.hold = nil
            progress.released = now
            return change(copy, .ready, due: now, progress)
        case .discarded(let until, let reply):
            var progress = copy.progress
            progress.lastReply = reply
            progress.hold = nil
            return change(copy, .discarded, due: until, progress)
        case .setAside:
            log.error("a sealed record does not open and was set aside", .count("copies", 1))
            return .change(CopyChange(row: copy.row, size: copy.contentSize, state: .setAside, due: now, progress: nil))
        }
    }

    private func change(_ copy: LeasedCopy, _ state: CopyState, due: WallTime, _ progress: CopyProgress)
        -> QueueOperation
    {
        let sealed = copy.key.seal(progress.encoded(), context: SealContext.progress(copy.row))
        return .change(CopyChange(row: copy.row, size: copy.contentSize, state: state, due: due, progress: sealed))
    }

    /// Keeps what left the queue for `trace`.
    private func remember(_ results: [CopyOutcome], at now: WallTime) {
        let gone = results.compactMap { outcome -> TraceEntry? in
            switch outcome.result {
            case .delivered(let reply): outcome.copy.trace(.delivered, reply: reply, at: now)
            case .failed(let reply): outcome.copy.trace(.failed, reply: reply, at: now)
            case .dropped: outcome.copy.trace(.dropped, reply: nil, at: now)
            case .replaced(let id): outcome.copy.trace(.replaced, reply: nil, at: now, replacement: id)
            case .deferred, .held, .released, .discarded, .setAside: nil
            }
        }
        outcomes.withLock { ring in for entry in gone { ring.insert(entry) } }
    }

    /// Deletes rows by their numbers alone, whether they open or not.
    func remove(_ rows: [CopyRow]) async throws(StoreError) {
        do throws(StoreError) {
            let contents = try await contentRanges(rows)
            let removals = rows.map { row in
                QueueOperation.remove(
                    CopyRemoval(row: row, contents: contents[row.message] ?? 0..<0, size: 0, hasProgress: true)
                )
            }
            try await committer.commit(.init(operations: removals), isCancellable: false)
        } catch {
            giveBack(rows)
            throw error
        }
    }

    private func contentRanges(_ rows: [CopyRow]) async throws(StoreError) -> [Int64: Range<Int64>] {
        let numbers = Set(rows.map(\.message))
        return try await writer.database.read { db in try QueueRows.contentRanges(of: numbers, db) }
    }
}

extension LeasedCopy {
    func trace(
        _ state: TraceEntry.State,
        reply: String?,
        due: WallTime? = nil,
        at changed: WallTime? = nil,
        replacement: MessageID? = nil
    ) -> TraceEntry {
        TraceEntry(
            copy: id,
            state: state,
            recipient: Sensitive(recipient.wire),
            sender: Sensitive(envelope.reversePath.wire),
            protection: protection,
            nextHopHint: Sensitive(nextHopHint),
            nextHop: nextHop,
            hold: hold,
            attempts: attempts,
            due: due,
            lastReply: reply.map { Sensitive($0) } ?? lastReply,
            arrival: envelope.arrival,
            size: contentSize,
            changed: changed ?? envelope.arrival,
            replacement: replacement
        )
    }
}
