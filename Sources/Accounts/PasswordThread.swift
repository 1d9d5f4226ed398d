// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Does one password computation at a time, on a thread of its own, so that sign-ins never take both cores.
final class PasswordThread: Sendable {
    private let thread = DispatchQueue(label: "postern.passwords")
    private let waiting = Mutex(0)
    private let mostWaiting: Int

    /// More than `mostWaiting` at once are turned away: with some 60 ms for each, 32 are two seconds.
    init(mostWaiting: Int = 32) { self.mostWaiting = mostWaiting }

    /// The result of `work`, or nil when too many are waiting.
    func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value? {
        let isAdmitted = waiting.withLock { waiting in
            guard waiting < mostWaiting else { return false }
            waiting += 1
            return true
        }
        guard isAdmitted else { return nil }
        return await withCheckedContinuation { continuation in
            thread.async {
                let value = work()
                self.waiting.withLock { $0 -= 1 }
                continuation.resume(returning: value)
            }
        }
    }
}
