// SPDX-License-Identifier: Apache-2.0

package import Mail
import Synchronization

/// Takes a body as it arrives: in memory while it is small, then in an unnamed sealed file.
///
/// What is in memory is counted against a budget that many spools share. The bytes and the file go when the spool and the
/// source that it gave are gone. An actor, so that sealing and writing never run on an event loop.
package actor BodySpool {
    private let directory: String
    private let memoryLimit: Int
    private let reservation: Reservation
    private var memory: [UInt8] = []
    private var file: UnnamedFile?
    private var chunks = 0
    private var isFinished = false
    /// Bytes taken so far.
    package private(set) var count = 0

    /// Bodies up to `memoryLimit` bytes stay in memory; larger ones go to a file in `directory`.
    package init(directory: String, memoryLimit: Int = 1 << 20, budget: ByteBudget) {
        self.directory = directory
        self.memoryLimit = max(ChunkRow.size, memoryLimit)
        reservation = Reservation(budget)
    }

    /// Adds bytes at the end.
    ///
    /// Throws `overBudget`, `full` or `io`; then the body is to be given up.
    package func append(_ bytes: some Collection<UInt8> & Sendable) throws(StoreError) {
        guard !isFinished else { throw .closed }
        if file == nil { try reservation.grow(to: min(memory.count + bytes.count, memoryLimit + ChunkRow.size)) }
        memory.append(contentsOf: bytes)
        count += bytes.count
        guard memory.count > (file == nil ? memoryLimit : ChunkRow.size) else { return }
        try spill()
    }

    /// The whole body, to be read any number of times.
    ///
    /// Nothing can be added afterwards.
    package func finish() throws(StoreError) -> any ByteSource {
        guard !isFinished else { throw .closed }
        isFinished = true
        guard let file else {
            defer { memory = [] }
            return SpooledMemory(bytes: memory, reservation: reservation)
        }
        try file.write(memory[...], index: chunks, isLast: true)
        memory = []
        reservation.shrink(to: 0)
        return SpooledFile(file: file, count: count)
    }

    /// Writes all but the last chunk's worth of what is in memory.
    private func spill() throws(StoreError) {
        let target: UnnamedFile
        if let file {
            target = file
        } else {
            target = try UnnamedFile(directory: directory)
            file = target
        }
        var start = 0
        while memory.count - start > ChunkRow.size {
            if chunks % 64 == 0, !FreeSpace.hasRoom(for: 64 * ChunkRow.size, in: directory) { throw .full }
            try target.write(memory[start..<(start + ChunkRow.size)], index: chunks, isLast: false)
            chunks += 1
            start += ChunkRow.size
        }
        memory = Array(memory[start...])
        reservation.shrink(to: 2 * ChunkRow.size)
    }
}

/// What one spool has taken of the budget; given back at the end.
private final class Reservation: Sendable {
    private let budget: ByteBudget
    private let taken = Mutex(0)

    init(_ budget: ByteBudget) { self.budget = budget }

    func grow(to count: Int) throws(StoreError) {
        let isGranted = taken.withLock { taken in
            guard count > taken else { return true }
            guard budget.reserve(count - taken) else { return false }
            taken = count
            return true
        }
        guard isGranted else { throw .overBudget }
    }

    func shrink(to count: Int) {
        taken.withLock { taken in
            guard count < taken else { return }
            budget.release(taken - count)
            taken = count
        }
    }

    deinit { budget.release(taken.withLock { $0 }) }
}

/// A small body; holds its part of the budget while it lives.
private struct SpooledMemory: ByteSource {
    let bytes: [UInt8]
    let reservation: Reservation

    var count: Int { bytes.count }

    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        try await MemorySource(bytes).read(at: offset, maxCount: maxCount)
    }
}

/// A large body in its file.
private struct SpooledFile: ByteSource {
    let file: UnnamedFile
    let count: Int

    @concurrent
    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset >= 0, offset < count else { return [] }
        let index = offset / ChunkRow.size
        let chunk = try file.read(index: index, isLast: index == (count - 1) / ChunkRow.size)
        let start = offset % ChunkRow.size
        guard start < chunk.count else { throw StoreError.damaged }
        let end = start + min(max(1, maxCount), chunk.count - start)
        return start == 0 && end == chunk.count ? chunk : Array(chunk[start..<end])
    }
}
