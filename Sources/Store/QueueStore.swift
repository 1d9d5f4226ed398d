// SPDX-License-Identifier: Apache-2.0

import GRDB
package import Mail
package import Privacy
import Synchronization
package import Vault

/// The durable queue: messages go in whole, copies come out as leases, outcomes go back in.
///
/// Everything but row numbers, times, states and keyed hashes is sealed before it comes near the file. What
/// ``enqueue(_:)`` and ``settle(_:alsoEnqueue:)`` return from is synced to the disk. One process has the directory open.
package final class QueueStore: Sendable {
    /// Limits that a test or an operator may set.
    package struct Options: Sendable {
        /// The largest size of `queue.sqlite`, in bytes; nil: what the disk has.
        package var maxFileBytes: Int?

        package init(maxFileBytes: Int? = nil) { self.maxFileBytes = maxFileBytes }
    }

    let directory: String
    let vault: Vault
    let time: Time
    let log: Log
    let writer: QueueWriter
    let committer: GroupCommitter<QueueOperation>
    let outcomes = Mutex(OutcomeRing())
    let nextHopHasher: KeyedHasher
    let lookupHasher: KeyedHasher
    private let lock: Mutex<DirectoryLock?>
    private let listener: WakeUps

    /// Opens (or makes) `queue.sqlite` in `directory`, checks every setting, migrates, and removes what an unfinished run
    /// left.
    ///
    /// Blocks while it reads; a million waiting copies take about a second.
    package static func open(
        directory: String,
        vault: Vault,
        time: Time,
        log: Log,
        options: Options = Options()
    ) throws(StoreError) -> QueueStore {
        try QueueStore(directory: directory, vault: vault, time: time, log: log, options: options)
    }

    private init(directory: String, vault: Vault, time: Time, log: Log, options: Options) throws(StoreError) {
        self.directory = directory
        self.vault = vault
        self.time = time
        self.log = log
        nextHopHasher = vault.hasher("nexthop")
        lookupHasher = vault.hasher("message")
        lock = Mutex(try DirectoryLock(directory: directory, name: "queue.lock"))
        let listener = WakeUps()
        self.listener = listener
        let file = DatabaseFile(
            path: directory + "/queue.sqlite",
            applicationID: QueueSchema.applicationID,
            migrator: QueueSchema.migrator,
            maxPages: options.maxFileBytes.map { max(16, $0 / DatabaseFile.pageBytes) }
        )
        let writer = try QueueWriter(
            database: try SealedDatabase(file),
            vault: vault,
            log: log,
            wake: { listener.wake() }
        )
        self.writer = writer
        committer = GroupCommitter(label: "postern.queue.writer") { writer.write($0) }
    }

    /// An element after each commit that brought work or changed when work is due; for one reader, the dispatcher.
    ///
    /// Whoever asks takes it over: the stream of the reader before ends.
    package var newWork: AsyncStream<Void> { listener.newStream() }

    /// Returns once the writer's thread and the reading connection have both answered; for a watchdog.
    package func respond() async throws(StoreError) {
        await committer.perform {}
        _ = try await writer.database.read { db in try Int.fetchOne(db, sql: "SELECT 1") }
    }

    /// How the last write went, and whether there is room for more.
    package var health: StoreHealth {
        let last = writer.health.withLock { $0 }
        return last == .ok && !FreeSpace.hasRoom(for: 0, in: directory) ? .full : last
    }

    /// Bytes that may still be written where the queue lies.
    package var freeBytes: Int { FreeSpace.available(directory) }

    /// New mail is refused when fewer free bytes than this would be left.
    package static let reserveBytes = FreeSpace.reserve

    /// Transactions so far; fewer than messages when many sessions share one.
    package var transactions: Int { committer.transactions }

    /// Bytes of content in memory for the deliveries that follow at once.
    package var cachedBytes: Int { writer.fresh.withLock { $0.bytes } }

    /// The keyed hash under which copies with this hint wait; for ``lease(due:limit:limitPerHop:underWay:)``.
    package func nextHop(_ hint: String) -> NextHopHash {
        NextHopHash(nextHopHasher.hash(Array(hint.utf8)))
    }

    /// A copy's content.
    ///
    /// Reading may throw ``StoreError/damaged``: then settle the copy as ``CopyOutcome/Result/setAside``.
    package func content(of copy: LeasedCopy) -> any ByteSource {
        if let fresh = copy.fresh { return MemorySource(fresh) }
        return StoredContent(
            database: writer.database,
            key: copy.key,
            number: copy.contentNumber,
            count: copy.contentSize
        )
    }

    /// What is to be done now and then: ends discards whose time is up, closes old epochs, gives free pages back.
    ///
    /// Call it about once a minute.
    package func maintain() async throws(StoreError) {
        let ended = writer.index.withLock { $0.leaseEnded(.discarded, due: time.wall(), limit: 1000) }
        if !ended.isEmpty { try await remove(ended) }
        outcomes.withLock { $0.forget(before: time.wall() + .seconds(-OutcomeRing.longestSeconds)) }
        let boot = time.boot()
        await committer.perform { [writer] in
            writer.epochs.withLock { $0.closeIfDone(boot: boot) }
            writer.destroyEndedEpochs()
            writer.shrink()
        }
    }

    /// Ends what was handed in, then closes the files.
    package func close() async {
        await committer.close()
        writer.database.close()
        lock.withLock { $0 = nil }
        listener.finish()
    }
}

/// Who is told of new work: the one who asked last.
private final class WakeUps: Sendable {
    private let continuation = Mutex<AsyncStream<Void>.Continuation?>(nil)

    func newStream() -> AsyncStream<Void> {
        let fresh = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // What came before anybody listened, or between two readers, must not wait for the next commit.
        fresh.continuation.yield()
        continuation.withLock { old in
            old?.finish()
            old = fresh.continuation
        }
        return fresh.stream
    }

    func wake() { continuation.withLock { _ = $0?.yield() } }

    func finish() { continuation.withLock { $0?.finish() } }
}
