// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Lets many tasks share one transaction and its sync.
///
/// Callers hand in operations and wait. One thread takes whatever has gathered, writes it in one transaction, and wakes
/// all who waited for it; meanwhile the next batch gathers. The thread is a serial dispatch queue's own, so neither the
/// cooperative pool nor an event loop ever waits for the disk.
final class GroupCommitter<Operation: Sendable>: Sendable {
    /// What one caller wants written: all of it or nothing.
    struct Commit: Sendable {
        var operations: [Operation]
        /// Roughly, for the size of a batch.
        var bytes = 0
    }

    private struct Waiter {
        let id: UInt64
        let commit: Commit
        let continuation: CheckedContinuation<Result<Void, StoreError>, Never>
    }

    private struct State {
        var waiting: [Waiter] = []
        var nextID: UInt64 = 0
        var isRunning = false
        var isClosed = false
        var transactions = 0
    }

    /// A batch ends when it holds this many bytes, so that the log stays small and nobody waits long for others.
    private static var batchBytes: Int { 8 << 20 }

    private let state = Mutex(State())
    private let thread: DispatchQueue
    /// Writes a batch in one transaction and brings the picture in memory up to date; runs on the writer's thread.
    private let write: @Sendable ([Commit]) -> Result<Void, StoreError>

    init(label: String, write: @escaping @Sendable ([Commit]) -> Result<Void, StoreError>) {
        thread = DispatchQueue(label: label)
        self.write = write
    }

    /// Transactions tried so far.
    var transactions: Int { state.withLock { $0.transactions } }

    /// Returns when `commit` is durable.
    ///
    /// A caller that is cancelled before the writer took its rows gets ``StoreError/cancelled`` and nothing is stored;
    /// later, or when `isCancellable` is false, cancellation changes nothing.
    func commit(_ commit: Commit, isCancellable: Bool = true) async throws(StoreError) {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                add(Waiter(id: id, commit: commit, continuation: continuation), isCancellable: isCancellable)
            }
        } onCancel: {
            if isCancellable { withdraw(id) }
        }
        try result.get()
    }

    /// Runs `body` between two batches, on the writer's thread.
    func perform<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            thread.async { continuation.resume(returning: body()) }
        }
    }

    /// Refuses new work, ends what was handed in, and returns when the writer has come to rest.
    func close() async {
        state.withLock { $0.isClosed = true }
        await perform {}
    }

    private func add(_ waiter: Waiter, isCancellable: Bool) {
        let refusal: StoreError? = state.withLock { state in
            if state.isClosed { return .closed }
            // The flag is set before `withdraw` runs: either it is seen here, or `withdraw` finds the waiter.
            if isCancellable && Task.isCancelled { return .cancelled }
            state.waiting.append(waiter)
            if !state.isRunning {
                state.isRunning = true
                thread.async { self.drain() }
            }
            return nil
        }
        if let refusal { waiter.continuation.resume(returning: .failure(refusal)) }
    }

    private func withdraw(_ id: UInt64) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiting.remove(at: index)
        }
        waiter?.continuation.resume(returning: .failure(.cancelled))
    }

    private func drain() {
        while let batch = takeBatch() {
            let started = DispatchTime.now().uptimeNanoseconds
            let result = write(batch.map(\.commit))
            // A full disk rolls back cleanly and may leave room for smaller work, deletions above all: one by one.
            if case .failure(.full) = result, batch.count > 1 {
                for waiter in batch { waiter.continuation.resume(returning: write([waiter.commit])) }
            } else {
                for waiter in batch { waiter.continuation.resume(returning: result) }
            }
            if batch.count > 1 { gather(after: DispatchTime.now().uptimeNanoseconds &- started) }
        }
    }

    /// Waits an eighth of the time that the commit took, a millisecond at most.
    ///
    /// Those who were just woken come back with their next message meanwhile. Without it callers fall into two groups that
    /// take turns, each waiting for the other's sync.
    private func gather(after nanoseconds: UInt64) {
        usleep(UInt32(min(1000, nanoseconds / 8000)))
    }

    private func takeBatch() -> [Waiter]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isRunning = false
                return nil
            }
            state.transactions += 1
            var bytes = 0
            var count = 0
            while count < state.waiting.count,
                count == 0 || bytes + state.waiting[count].commit.bytes <= Self.batchBytes
            {
                bytes += state.waiting[count].commit.bytes
                count += 1
            }
            let batch = Array(state.waiting[..<count])
            state.waiting.removeFirst(count)
            return batch
        }
    }
}
