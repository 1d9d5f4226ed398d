// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// At most so many at a time for each key; the rest wait in order.
///
/// Keys do not wait for each other.
final class ConcurrencyLimit: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct Place {
        var active = 0
        var waiters: [Waiter] = []
    }

    private struct State {
        var places: [String: Place] = [:]
        var lastID: UInt64 = 0
    }

    private let state = Mutex(State())
    private let limit: Int

    init(_ limit: Int) { self.limit = max(1, limit) }

    /// Runs `body` when there is room for `key`; nil when the task was cancelled while it waited.
    func run<Value: Sendable>(_ key: String, _ body: () async -> Value) async -> Value? {
        guard await enter(key) else { return nil }
        defer { leave(key) }
        return await body()
    }

    /// Whether one more would have to wait.
    func isFull(_ key: String) -> Bool { state.withLock { ($0.places[key]?.active ?? 0) >= limit } }

    private func enter(_ key: String) async -> Bool {
        let id = state.withLock { state -> UInt64? in
            if state.places[key, default: Place()].active < limit {
                state.places[key, default: Place()].active += 1
                return nil
            }
            state.lastID += 1
            return state.lastID
        }
        guard let id else { return true }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state -> Bool? in
                    // Room may have come between the two looks; a cancelled task must not wait, for its handler has run.
                    if state.places[key, default: Place()].active < limit {
                        state.places[key, default: Place()].active += 1
                        return true
                    }
                    if Task.isCancelled { return false }
                    state.places[key, default: Place()].waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            giveUp(key, id)
        }
    }

    private func giveUp(_ key: String, _ id: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.places[key]?.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return state.places[key]?.waiters.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }

    /// The place goes to whoever waits longest, else it becomes free.
    private func leave(_ key: String) {
        let next = state.withLock { state -> Waiter? in
            guard var place = state.places[key] else { return nil }
            if !place.waiters.isEmpty {
                let waiter = place.waiters.removeFirst()
                state.places[key] = place
                return waiter
            }
            place.active -= 1
            state.places[key] = place.active > 0 ? place : nil
            return nil
        }
        next?.continuation.resume(returning: true)
    }
}
