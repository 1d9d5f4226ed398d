// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Mail
import Privacy
import Synchronization
import Vault

extension QueueStore {
    /// Contents up to this go into the one transaction that makes the message visible.
    private static let smallMessage = 1 << 20
    /// Larger ones go ahead in commits of at most this.
    private static let pendingCommit = 4 << 20

    /// A sealed message, and what has to be undone if it does not get in.
    private struct Prepared {
        let operations: [QueueOperation]
        let bytes: Int
        let ticket: EpochTable.Ticket
        let wasPending: Bool
    }

    /// Puts a message into the queue: all copies at once, or none.
    ///
    /// Returns after the sync. A cancelled caller leaves nothing behind unless the commit was under way already. Errors:
    /// `full`, `io`, `cancelled`, `contentFailed` (reading or making a content threw), `tooLarge`, `closed`.
    @concurrent
    package func enqueue(_ message: NewMessage) async throws(StoreError) {
        let prepared = try await prepare(message)
        do throws(StoreError) {
            try await committer.commit(.init(operations: prepared.operations, bytes: prepared.bytes))
        } catch {
            await undo(prepared.ticket, wasPending: prepared.wasPending)
            throw error
        }
    }

    /// Seals messages and hands their operations to `commit`, which makes them durable; undoes them when it throws.
    func withPrepared(
        _ messages: [NewMessage],
        commit: ([QueueOperation], Int) async throws(StoreError) -> Void
    ) async throws(StoreError) {
        var prepared: [Prepared] = []
        do throws(StoreError) {
            for message in messages { prepared.append(try await prepare(message)) }
            try await commit(prepared.flatMap(\.operations), prepared.reduce(0) { $0 + $1.bytes })
        } catch {
            for one in prepared { await undo(one.ticket, wasPending: one.wasPending) }
            throw error
        }
    }

    private func prepare(_ message: NewMessage) async throws(StoreError) -> Prepared {
        guard !message.copies.isEmpty, message.copies.count <= CopyRow.mostCopies,
            message.copies.allSatisfy({ message.contents.indices.contains($0.content) })
        else { throw .tooLarge }
        let ticket: EpochTable.Ticket
        do throws(VaultError) {
            ticket = try writer.epochs.withLock { epochs throws(VaultError) in
                try epochs.begin(contents: message.contents.count, vault: vault, wall: time.wall(), boot: time.boot())
            }
        } catch {
            throw .io("epoch key")
        }
        var wasPending = false
        do throws(StoreError) {
            return try await seal(message, ticket, &wasPending)
        } catch {
            await undo(ticket, wasPending: wasPending)
            throw error
        }
    }

    private func seal(
        _ message: NewMessage,
        _ ticket: EpochTable.Ticket,
        _ wasPending: inout Bool
    ) async throws(StoreError) -> Prepared {
        let recordID = Vault.randomBytes(EpochKey.recordIDBytes)
        let key = ticket.key.derive(recordID: recordID)
        var batch = ChunkBatch()
        var sizes: [Int] = []
        var plaintexts: [[UInt8]?] = []
        for (index, content) in message.contents.enumerated() {
            var sealer = ContentSealer(key: key, number: ticket.contents.lowerBound + Int64(index))
            var source = ContentChunks(content)
            while let bytes = try await source.next() {
                try sealer.add(bytes, to: &batch.chunks)
                if batch.bytes >= Self.pendingCommit - 2 * ChunkRow.size {
                    try await writeAhead(&batch, ticket.contents, &wasPending)
                }
            }
            try sealer.finish(to: &batch.chunks)
            sizes.append(sealer.size)
            plaintexts.append(sealer.plaintext)
        }
        if wasPending || batch.bytes > Self.smallMessage { try await writeAhead(&batch, ticket.contents, &wasPending) }
        guard FreeSpace.hasRoom(for: batch.bytes, in: directory) else { throw .full }
        let sealed = rows(
            message,
            ticket,
            sizes: sizes,
            plaintexts: plaintexts,
            key: key,
            recordID: recordID,
            wasPending: wasPending
        )
        let operations = batch.chunks.isEmpty ? [sealed] : [.chunks(batch.chunks), sealed]
        return Prepared(operations: operations, bytes: batch.bytes + 1024, ticket: ticket, wasPending: wasPending)
    }

    private func writeAhead(
        _ batch: inout ChunkBatch,
        _ contents: Range<Int64>,
        _ wasPending: inout Bool
    ) async throws(StoreError) {
        guard FreeSpace.hasRoom(for: batch.bytes, in: directory) else { throw .full }
        let begin: [QueueOperation] = wasPending ? [] : [.begin(contents: contents)]
        let commit = GroupCommitter<QueueOperation>.Commit(
            operations: begin + [.chunks(batch.chunks)],
            bytes: batch.bytes
        )
        // From here on something may be on the disk, whatever the commit says.
        wasPending = true
        batch = ChunkBatch()
        try await committer.commit(commit)
    }

    /// The message's row and its copies' rows.
    private func rows(
        _ message: NewMessage,
        _ ticket: EpochTable.Ticket,
        sizes: [Int],
        plaintexts: [[UInt8]?],
        key: RecordKey,
        recordID: [UInt8],
        wasPending: Bool
    ) -> QueueOperation {
        let record = MessageRecord(
            id: message.id,
            envelope: message.envelope,
            contentSizes: sizes,
            copies: message.copies.map { copy in
                MessageRecord.Copy(
                    recipient: copy.recipient,
                    dsn: copy.dsn,
                    content: copy.content,
                    protection: copy.protection,
                    nextHopHint: copy.nextHopHint,
                    initialHold: copy.state.hold,
                    journey: copy.journey
                )
            }
        )
        let now = time.wall()
        var hashes: [String: NextHopHash] = [:]
        let copies = message.copies.enumerated().map { index, copy in
            let hash = hashes[copy.nextHopHint] ?? nextHop(copy.nextHopHint)
            hashes[copy.nextHopHint] = hash
            let (state, due) = copy.state.stored(now: now)
            return SealedMessage.Copy(
                row: CopyRow(message: ticket.message, index: index),
                state: state,
                due: due,
                content: ticket.contents.lowerBound + Int64(copy.content),
                nextHop: hash,
                size: sizes[copy.content]
            )
        }
        let sealed = key.seal(record.encoded(), context: SealContext.message(ticket.message))
        let isFresh = plaintexts.contains { $0 != nil }
        return .message(
            SealedMessage(
                number: ticket.message,
                epoch: ticket.epoch,
                lookup: lookup(message.id),
                contents: ticket.contents,
                sealed: Data(recordID) + sealed,
                copies: copies,
                wasPending: wasPending,
                memory: isFresh
                    ? FreshMessage(
                        number: ticket.message,
                        record: record,
                        contents: ticket.contents,
                        key: key,
                        plaintexts: plaintexts
                    )
                    : nil
            )
        )
    }

    /// Forgets a message that did not get in, and removes what was written ahead of it.
    private func undo(_ ticket: EpochTable.Ticket, wasPending: Bool) async {
        writer.epochs.withLock { $0.abandoned(epoch: ticket.epoch) }
        guard wasPending else { return }
        // If this fails too, the next start removes it.
        try? await committer.commit(.init(operations: [.abandon(contents: ticket.contents)]), isCancellable: false)
    }

    /// 8 bytes of a keyed hash of a message's public id.
    func lookup(_ id: MessageID) -> Int64 {
        lookupHasher.hash(Array(id.text.utf8)).prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }
}

/// Sealed chunks that wait to be written.
private struct ChunkBatch {
    var chunks: [SealedChunk] = []
    var bytes: Int { chunks.reduce(0) { $0 + $1.data.count } }
}

/// A new content as a row of byte arrays.
private struct ContentChunks {
    private var bytes: [UInt8]?
    private var producer: (any ChunkProducer)?

    init(_ content: NewContent) {
        switch content {
        case .bytes(let bytes) where bytes.count <= FreshCache.longestContent: self.bytes = bytes
        case .bytes(let bytes): producer = SourceProducer(MemorySource(bytes), chunkSize: ChunkRow.size)
        case .source(let source): producer = SourceProducer(source, chunkSize: ChunkRow.size)
        case .producer(let producer): self.producer = producer
        }
    }

    mutating func next() async throws(StoreError) -> [UInt8]? {
        if let bytes {
            self.bytes = nil
            return bytes
        }
        do {
            try Task.checkCancellation()
            return try await producer?.next()
        } catch {
            throw error is CancellationError || Task.isCancelled ? .cancelled : .contentFailed
        }
    }
}

extension NewCopy.State {
    fileprivate var hold: HoldReason? {
        switch self {
        case .ready: nil
        case .held(let reason, _): reason
        }
    }

    fileprivate func stored(now: WallTime) -> (CopyState, WallTime) {
        switch self {
        case .ready: (.ready, now)
        case .held(_, let until): (.held, until)
        }
    }
}
