// SPDX-License-Identifier: Apache-2.0

import Privacy
import ServiceLifecycle
import Synchronization

/// A dispatcher and its attendants at work, which can be told to end before the gateway does.
final class Dispatching: Sendable {
    private let dispatcher: ServiceGroup
    private let attendants: ServiceGroup
    private let wake: WakeUp
    private let over = Mutex(false)
    private let ending = AsyncStream.makeStream(of: Void.self)
    private let attendantsEnding = AsyncStream.makeStream(of: Void.self)

    init(_ parts: GatewayParts) {
        wake = parts.dispatcher.wake
        dispatcher = ServiceGroup(services: [parts.dispatcher], logger: SilentLogger.make())
        attendants = ServiceGroup(services: parts.attendants, logger: SilentLogger.make())
    }

    /// Works until it is told to end, or the gateway stops.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                // What one of them could not do it has written to the log.
                try? await self.attendants.run()
                self.attendantsEnding.continuation.finish()
            }
            group.addTask {
                try? await self.dispatcher.run()
                self.over.withLock { $0 = true }
                self.ending.continuation.finish()
            }
        }
    }

    var isOver: Bool { over.withLock { $0 } }

    /// Takes nothing more from the queue; deliveries in flight end, or are put off after the dispatcher's grace.
    func end() async {
        await endAttendants()
        await dispatcher.triggerGracefulShutdown()
        for await _ in ending.stream {}
    }

    /// Takes nothing more from the queue; deliveries in flight have all the time they need.
    ///
    /// The attendants have ended when it returns: two of them must not take in the same spool.
    func retire() async {
        await endAttendants()
        wake.finish()
    }

    private func endAttendants() async {
        await attendants.triggerGracefulShutdown()
        for await _ in attendantsEnding.stream {}
    }
}
