// SPDX-License-Identifier: Apache-2.0

import GRDB
import Synchronization

/// The connections to one SQLite file: one that writes and checkpoints, one that only reads.
///
/// After a failed write both are closed; the next use opens them anew. Nothing is retried here.
final class SealedDatabase: Sendable {
    private struct Connections {
        var writer: DatabaseQueue?
        var reader: DatabaseQueue?
        var isClosed = false
    }

    private let file: DatabaseFile
    private let connections: Mutex<Connections>

    /// Opens and migrates the file.
    init(_ file: DatabaseFile) throws(StoreError) {
        self.file = file
        let writer = try file.openWriter()
        connections = Mutex(Connections(writer: writer, reader: try file.openReader()))
    }

    /// One transaction, durable on return.
    ///
    /// Blocks: for the writer's thread only.
    func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        let queue = try writer()
        do {
            return try queue.writeWithoutTransaction { db in
                var value: Value?
                try db.inTransaction(.immediate) {
                    value = try body(db)
                    return .commit
                }
                guard let value else { throw StoreError.io("transaction") }
                return value
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Reads outside of a write transaction, on the writer's connection; for the start and for checkpoints.
    func writerWithoutTransaction<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        let queue = try writer()
        do { return try queue.writeWithoutTransaction(body) } catch { throw StoreError(error) }
    }

    /// Reads on the reading connection's own thread.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(StoreError) -> Value
    {
        let queue = try reader()
        do { return try await queue.read(body) } catch { throw StoreError(error) }
    }

    /// Closes both connections after a failure; the next use opens them again.
    func abandonConnections() {
        let old = connections.withLock { connections in
            defer {
                connections.writer = nil
                connections.reader = nil
            }
            return (connections.writer, connections.reader)
        }
        try? old.1?.close()
        try? old.0?.close()
    }

    func close() {
        connections.withLock { $0.isClosed = true }
        abandonConnections()
    }

    private func writer() throws(StoreError) -> DatabaseQueue {
        let known: (queue: DatabaseQueue?, isClosed: Bool) = connections.withLock { ($0.writer, $0.isClosed) }
        guard !known.isClosed else { throw .closed }
        if let queue = known.queue { return queue }
        // Only the writer's thread comes here, so nobody opens a second one meanwhile.
        let queue = try file.openWriter()
        connections.withLock { $0.writer = queue }
        return queue
    }

    private func reader() throws(StoreError) -> DatabaseQueue {
        let known: (queue: DatabaseQueue?, isClosed: Bool) = connections.withLock { ($0.reader, $0.isClosed) }
        guard !known.isClosed else { throw .closed }
        if let queue = known.queue { return queue }
        let queue = try file.openReader()
        return connections.withLock { connections in
            if let other = connections.reader { return other }
            connections.reader = queue
            return queue
        }
    }
}
