// SPDX-License-Identifier: Apache-2.0

import Privacy
import ServiceLifecycle
import Synchronization

/// A dispatcher at work, which can be told to end before the gateway does.
final class Dispatching: Sendable {
    private let group: ServiceGroup
    private let wake: WakeUp
    private let over = Mutex(false)
    private let ending = AsyncStream.makeStream(of: Void.self)

    init(_ dispatcher: Dispatcher) {
        wake = dispatcher.wake
        group = ServiceGroup(services: [dispatcher], logger: SilentLogger.make())
    }

    /// Dispatches until it is told to end, or the gateway stops.
    func run() async {
        // What a dispatcher could not do it has written to the log.
        try? await group.run()
        over.withLock { $0 = true }
        ending.continuation.finish()
    }

    var isOver: Bool { over.withLock { $0 } }

    /// Takes nothing more from the queue; deliveries in flight end, or are put off after the dispatcher's grace.
    func end() async {
        await group.triggerGracefulShutdown()
        for await _ in ending.stream {}
    }

    /// Takes nothing more from the queue; deliveries in flight have all the time they need.
    func retire() { wake.finish() }
}
