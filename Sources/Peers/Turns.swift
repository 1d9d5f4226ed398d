// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets one task at a time work on each name, in the order of asking.
final class Turns: Sendable {
    /// Those who wait; a name without an entry is free.
    private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    func take<Result, Failure: Error>(
        _ name: String,
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        await withCheckedContinuation { continuation in
            let isMine = waiting.withLock { waiting in
                if waiting[name] != nil {
                    waiting[name]?.append(continuation)
                    return false
                }
                waiting[name] = []
                return true
            }
            if isMine { continuation.resume() }
        }
        defer { pass(name) }
        return try await body()
    }

    private func pass(_ name: String) {
        let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
            guard var others = waiting[name], !others.isEmpty else {
                waiting[name] = nil
                return nil
            }
            let next = others.removeFirst()
            waiting[name] = others
            return next
        }
        next?.resume()
    }
}
