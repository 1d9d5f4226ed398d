// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Mail
import Vault

/// A stored content, read and opened chunk by chunk.
///
/// A chunk that is missing or does not open throws ``StoreError/damaged``; the copy is then to be set aside.
struct StoredContent: ByteSource {
    private let database: SealedDatabase
    private let key: RecordKey
    private let number: Int64
    let count: Int

    init(database: SealedDatabase, key: RecordKey, number: Int64, count: Int) {
        self.database = database
        self.key = key
        self.number = number
        self.count = count
    }

    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset >= 0, offset < count else { return [] }
        let index = offset / ChunkRow.size
        let isLast = index == ChunkRow.count(size: count) - 1
        let chunk = try await open(try await fetch(index), index: index, isLast: isLast)
        guard chunk.count == (isLast ? count - index * ChunkRow.size : ChunkRow.size) else { throw StoreError.damaged }
        let start = offset % ChunkRow.size
        let end = min(chunk.count, start + min(max(1, maxCount), chunk.count))
        return start == 0 && end == chunk.count ? chunk : Array(chunk[start..<end])
    }

    private func fetch(_ index: Int) async throws(StoreError) -> Data {
        let row = ChunkRow.number(content: number, index: index)
        let data = try await database.read { db in
            try Data.fetchOne(db.cachedStatement(sql: "SELECT data FROM chunks WHERE id = ?"), arguments: [row])
        }
        guard let data else { throw .damaged }
        return data
    }

    @concurrent
    private func open(_ data: Data, index: Int, isLast: Bool) async throws(StoreError) -> [UInt8] {
        do throws(VaultError) {
            return try key.open(data, context: SealContext.chunk(content: number, index: index, isLast: isLast))
        } catch {
            throw .damaged
        }
    }
}
