// SPDX-License-Identifier: Apache-2.0

/// Lets one change run at a time, in the order in which they came, awaits included.
package actor ChangeQueue {
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    package init() {}

    package func perform<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        if isBusy { await withCheckedContinuation { waiting.append($0) } }
        isBusy = true
        defer {
            // The flag stays up when it passes to the next in line.
            if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
        }
        return try await body()
    }
}
