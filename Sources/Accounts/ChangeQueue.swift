// SPDX-License-Identifier: Apache-2.0

/// Lets one change run at a time, in the order in which they came, awaits included.
actor ChangeQueue {
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func perform(_ body: @Sendable () async throws -> Void) async throws {
        if isBusy { await withCheckedContinuation { waiting.append($0) } }
        isBusy = true
        defer {
            // The flag stays up when it passes to the next in line.
            if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
        }
        try await body()
    }
}
