// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// At most so many workers at a time; who comes too late waits its turn.
final class WorkerPool: Sendable {
    private struct State {
        var free: Int
        var nextTicket = 0
        var waiting: [(ticket: Int, continuation: CheckedContinuation<Bool, Never>)] = []
        /// Tickets that were given up before they came to wait.
        var givenUp: Set<Int> = []
        /// Workers that have ended their job well and wait for the next one, newest last.
        var idle: [WorkerChannel] = []
    }

    private let state: Mutex<State>
    private let maxIdle: Int

    init(limit: Int, maxIdle: Int) {
        state = Mutex(State(free: max(1, limit)))
        self.maxIdle = maxIdle
    }

    /// A place, which ``giveBack(_:)`` frees, and an idle worker if there is one.
    func take() async throws(WorkerError) -> WorkerChannel? {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { wait(ticket, $0) }
        } onCancel: {
            cancel(ticket)
        }
        guard granted else { throw .cancelled }
        return state.withLock { $0.idle.popLast() }
    }

    /// Frees a place; with a worker in good order, that is kept for the next.
    func giveBack(_ channel: WorkerChannel?) {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            if let channel, state.idle.count < maxIdle { state.idle.append(channel) }
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }

    private func wait(_ ticket: Int, _ continuation: CheckedContinuation<Bool, Never>) {
        let answer = state.withLock { state -> Bool? in
            if state.givenUp.remove(ticket) != nil { return false }
            guard state.free == 0 else {
                state.free -= 1
                return true
            }
            state.waiting.append((ticket, continuation))
            return nil
        }
        if let answer { continuation.resume(returning: answer) }
    }

    private func cancel(_ ticket: Int) {
        let continuation = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard let index = state.waiting.firstIndex(where: { $0.ticket == ticket }) else {
                state.givenUp.insert(ticket)
                return nil
            }
            return state.waiting.remove(at: index).continuation
        }
        continuation?.resume(returning: false)
    }
}

/// The right to one worker until it is given back; dropping it on the way ends the worker and frees the place.
final class WorkerLease: Sendable {
    let channel: WorkerChannel
    private let pool: WorkerPool
    private let isReturned = Mutex(false)

    init(_ channel: WorkerChannel, of pool: WorkerPool) {
        self.channel = channel
        self.pool = pool
    }

    /// After a job that ended well.
    func giveBack() {
        guard
            isReturned.withLock({ returned in
                !returned
                    && {
                        returned = true; return true
                    }()
            })
        else { return }
        pool.giveBack(channel)
    }

    deinit {
        if !isReturned.withLock({ $0 }) { pool.giveBack(nil) }
    }
}
