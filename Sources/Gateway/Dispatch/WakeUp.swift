// SPDX-License-Identifier: Apache-2.0

/// A bell for one listener: many rings before it is heard count as one.
struct WakeUp: Sendable {
    let rings: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func fire() { continuation.yield() }

    /// Ends the listener's loop.
    func finish() { continuation.finish() }
}
