// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Mail
import Privacy
import Synchronization
import Testing
import Vault

@testable import Store

@Suite("The queue's files")
struct QueueDurabilityTests {
    private let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    @Test("every setting that durability and privacy depend on is in force, and files are their owner's alone")
    func settings() async throws {
        let store = try fixture.open()
        let values = try store.writer.database.writerWithoutTransaction { db in
            try [
                "journal_mode", "synchronous", "secure_delete", "auto_vacuum", "foreign_keys", "temp_store",
                "wal_autocheckpoint",
            ].map { try String.fetchOne(db, sql: "PRAGMA \($0)") }
        }
        #expect(values == ["wal", "2", "1", "2", "1", "2", "2000"])
        try await store.enqueue(try fixture.message("x"))
        for name in ["queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm", "queue.lock"] {
            let facts = try FileManager.default.attributesOfItem(atPath: fixture.directory + "/" + name)
            #expect(facts[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        await store.close()
    }

    @Test("a pragma that does not take is named")
    func pragmaReadBack() async throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let path = fixture.directory + "/queue.sqlite"
        // auto_vacuum cannot change once there are tables; the file is ours by its id.
        try await DatabaseQueue(path: path).writeWithoutTransaction { db in
            try db.execute(
                sql: """
                    PRAGMA page_size = 8192; PRAGMA application_id = \(QueueSchema.applicationID); CREATE TABLE t (x);
                    """
            )
        }
        #expect(throws: StoreError.pragma("auto_vacuum")) { try fixture.open() }
    }

    @Test("a newer schema and a file of something else are refused, and a second store too")
    func refusals() async throws {
        let store = try fixture.open()
        #expect(throws: StoreError.alreadyOpen) { try fixture.open() }
        try store.writer.database.write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('2099-01 from the future')")
        }
        await store.close()
        let other = try StoreFixture(vault: fixture.vault, directory: fixture.directory + "/other")
        try FileManager.default.createDirectory(atPath: other.directory, withIntermediateDirectories: true)
        try await DatabaseQueue(path: other.directory + "/queue.sqlite").write { db in
            try db.execute(sql: "CREATE TABLE t (x)")
        }
        #expect(throws: StoreError.foreignFile) { try other.open() }
    }

    @Test("a schema from the future is refused")
    func newerSchema() async throws {
        do {
            let store = try fixture.open()
            try store.writer.database.write { db in
                try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('2099-01 from the future')")
            }
            await store.close()
        }
        #expect(throws: StoreError.newerSchema) { try fixture.open() }
    }

    @Test("a copy of the files at any moment, as a crash leaves them, holds all that was confirmed and no half message")
    func crash() async throws {
        let store = try fixture.open()
        let small = try fixture.message("confirmed")
        try await store.enqueue(small)
        let reached = AsyncStream.makeStream(of: Void.self)
        let large = try fixture.message([
            .producer(BrokenProducer(chunksLeft: 200, waits: true, reached: { reached.continuation.yield() }))
        ])
        let writing = Task { try await store.enqueue(large) }
        for await _ in reached.stream { break }
        #expect(try fixture.count("pending") == 1)
        #expect(try fixture.count("chunks") > 60)
        // The lock is not copied: the crashed process is gone.
        let crashed = try StoreFixture(vault: fixture.vault, directory: fixture.directory + "-crashed")
        defer { try? FileManager.default.removeItem(atPath: crashed.directory) }
        try FileManager.default.copyItem(atPath: fixture.directory, toPath: crashed.directory)
        writing.cancel()
        await #expect(throws: StoreError.cancelled) { try await writing.value }
        #expect(try fixture.count("pending") == 0)
        #expect(try fixture.count("chunks") == 1)
        await store.close()

        let again = try crashed.open()
        #expect(try crashed.count("pending") == 0)
        #expect(try crashed.count("chunks") == 1)
        let copies = try await again.lease(due: fixture.now, limit: 10)
        #expect(copies.map(\.id.message) == [small.id])
        #expect(try await readAll(again.content(of: try #require(copies.first))) == Array("confirmed".utf8))
        await again.close()
    }

    @Test("a content that cannot be made to its end leaves nothing behind", arguments: [3, 100])
    func brokenContent(chunks: Int) async throws {
        let store = try fixture.open()
        let message = try fixture.message([.producer(BrokenProducer(chunksLeft: chunks))])
        await #expect(throws: StoreError.contentFailed) { try await store.enqueue(message) }
        for table in ["chunks", "messages", "copies", "pending"] { #expect(try fixture.count(table) == 0, "\(table)") }
        await store.close()
    }

    @Test("20 MiB go in and out in pieces, and the log of the database stays small")
    func largeContent() async throws {
        let size = 20 << 20
        let store = try fixture.open()
        try await store.enqueue(try fixture.message([.source(PatternSource(count: size))]))
        #expect(store.cachedBytes == 0)
        #expect(try fixture.count("pending") == 0)
        let log =
            try FileManager.default.attributesOfItem(atPath: fixture.directory + "/queue.sqlite-wal")[.size] as? Int
        #expect((log ?? .max) < 40 << 20)
        let copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        #expect(copy.contentSize == size)
        let source = store.content(of: copy)
        var offset = 0
        while offset < size {
            let part = try await source.read(at: offset, maxCount: 100_000)
            try #require(!part.isEmpty && part.count <= 65536)
            #expect(
                part.first == PatternSource.byte(offset) && part.last == PatternSource.byte(offset + part.count - 1)
            )
            offset += part.count
        }
        #expect(try await source.read(at: size, maxCount: 1).isEmpty)
        await store.close()
    }

    @Test("a cancelled caller whose rows were not taken leaves nothing; a running commit is not torn")
    func cancellation() async throws {
        let store = try fixture.open()
        let messages = try (0..<100).map { try fixture.message("message \($0)") }
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for message in messages {
                group.addTask { (try? await store.enqueue(message)) != nil }
            }
            group.cancelAll()
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(try fixture.count("messages") == outcomes)
        #expect(try fixture.count("copies") == outcomes)
        #expect(store.counts().ready == outcomes)
        await store.close()
    }

    @Test(
        "a row that was tampered with is set aside and reported, and the rest works",
        arguments: ["messages", "progress"]
    )
    func tamperedRow(table: String) async throws {
        var store = try fixture.open()
        let bad = try fixture.message("bad")
        let good = try fixture.message("good")
        try await store.enqueue(bad)
        try await store.enqueue(good)
        let leased = try await store.lease(due: fixture.now, limit: 2)
        try await store.settle(leased.map { CopyOutcome($0, .deferred(until: fixture.now, reply: "x")) })
        await store.close()
        try await DatabaseQueue(path: fixture.directory + "/queue.sqlite").write { db in
            let sealed = try #require(try Data.fetchOne(db, sql: "SELECT sealed FROM \(table) ORDER BY id LIMIT 1"))
            var changed = sealed
            changed[changed.count - 20] ^= 1
            try db.execute(
                sql: "UPDATE \(table) SET sealed = ? WHERE id = (SELECT min(id) FROM \(table))",
                arguments: [changed]
            )
        }
        store = try fixture.open()
        #expect(try await store.lease(due: fixture.now, limit: 10).map(\.id.message) == [good.id])
        #expect(store.counts().setAside == 1)
        #expect(fixture.sink.lines(after: 0).contains { $0.message.contains("set aside") })
        #expect(try await store.trace(bad.id).map(\.state) == [.setAside])
        #expect(try await store.drop(bad.id) == 1)
        #expect(try fixture.count("messages") == 1)
        #expect(try fixture.count("chunks") == 1)
        await store.close()
    }

    @Test("chunks that were swapped, cut off or changed do not open")
    func tamperedChunks() async throws {
        var store = try fixture.open()
        try await store.enqueue(try fixture.message([.source(PatternSource(count: 150_000))]))
        await store.close()
        try await DatabaseQueue(path: fixture.directory + "/queue.sqlite").write { db in
            let ids = try Int64.fetchAll(db, sql: "SELECT id FROM chunks ORDER BY id")
            try #require(ids.count == 3)
            try db.execute(
                sql: "UPDATE chunks SET data = (SELECT data FROM chunks WHERE id = ?) WHERE id = ?",
                arguments: [ids[0], ids[1]]
            )
            try db.execute(sql: "DELETE FROM chunks WHERE id = ?", arguments: [ids[2]])
        }
        store = try fixture.open()
        let copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        let source = store.content(of: copy)
        #expect(try await source.read(at: 0, maxCount: 10).count == 10)
        await #expect(throws: StoreError.damaged) { try await source.read(at: 70_000, maxCount: 10) }
        await #expect(throws: StoreError.damaged) { try await source.read(at: 140_000, maxCount: 10) }
        try await store.settle([CopyOutcome(copy, .setAside)])
        #expect(store.counts().setAside == 1 && store.counts().ready == 0)
        await store.close()
    }

    @Test("an epoch's key is destroyed when its last message leaves, and not before")
    func epochKeys() async throws {
        let store = try fixture.open()
        try await store.enqueue(try fixture.message("one"))
        fixture.advance(.seconds(3601))
        try await store.enqueue(try fixture.message("two"))
        #expect(try fixture.count("epochs") == 2)
        let sealed: Data = try #require(try fixture.query("SELECT sealed FROM epochs ORDER BY id LIMIT 1"))
        let copies = try await store.lease(due: fixture.now, limit: 2)
        let second = copies.filter { $0.envelope.arrival == fixture.now }
        try await store.settle(second.map { CopyOutcome($0, .delivered(reply: "")) })
        try await store.maintain()
        #expect(try fixture.count("epochs") == 2)
        #expect(try fixture.scan(for: [UInt8](sealed)))
        let first = copies.filter { $0.envelope.arrival != fixture.now }
        try await store.settle(first.map { CopyOutcome($0, .delivered(reply: "")) })
        #expect(try fixture.count("epochs") == 1)
        #expect(try !fixture.scan(for: [UInt8](sealed)))
        fixture.advance(.seconds(3601))
        try await store.maintain()
        #expect(try fixture.count("epochs") == 0)
        await store.close()
    }

    @Test("after a failed write the files are opened anew and the store goes on")
    func reopening() async throws {
        let store = try fixture.open()
        let kept = try fixture.message("kept")
        try await store.enqueue(kept)
        let leased = try await store.lease(due: fixture.now, limit: 1)
        // A table that is missing is an error that no statement foresees.
        try store.writer.database.write { db in try db.execute(sql: "ALTER TABLE chunks RENAME TO gone") }
        await #expect(throws: StoreError.self) { try await store.enqueue(try fixture.message("lost")) }
        guard case .failing = store.health else {
            Issue.record("health is \(store.health)")
            return
        }
        try await DatabaseQueue(path: fixture.directory + "/queue.sqlite").write { db in
            try db.execute(sql: "ALTER TABLE gone RENAME TO chunks")
        }
        try await store.enqueue(try fixture.message("next"))
        #expect(store.health == .ok)
        #expect(store.counts().ready == 2 && store.counts().leased == 1)
        try await store.settle(leased.map { CopyOutcome($0, .delivered(reply: "")) })
        #expect(store.counts().ready == 1)
        await store.close()
    }
}
