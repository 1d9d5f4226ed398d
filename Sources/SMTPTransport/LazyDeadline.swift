// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// A deadline that moves often and passes seldom: moving it is an assignment, and one scheduled task at most waits behind it.
///
/// Belongs to one event loop.
final class LazyDeadline {
    private let eventLoop: any EventLoop
    private let expired: () -> Void
    private var deadline: NIODeadline?
    private var scheduled: Scheduled<Void>?
    private var scheduledFor = NIODeadline.distantFuture

    init(on eventLoop: any EventLoop, expired: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.expired = expired
    }

    func set(_ deadline: NIODeadline) {
        self.deadline = deadline
        if scheduled == nil || deadline < scheduledFor { schedule(deadline) }
    }

    func clear() { deadline = nil }

    /// Lets go of the scheduled task too; for the end of the connection.
    func cancel() {
        deadline = nil
        scheduled?.cancel()
        scheduled = nil
        scheduledFor = .distantFuture
    }

    private func schedule(_ deadline: NIODeadline) {
        scheduled?.cancel()
        scheduledFor = deadline
        scheduled = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.look() }
    }

    private func look() {
        scheduled = nil
        scheduledFor = .distantFuture
        guard let deadline else { return }
        if deadline <= .now() {
            self.deadline = nil
            expired()
        } else {
            schedule(deadline)
        }
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let limited = min(max(seconds, 0), 1_000_000_000)
        self = .nanoseconds(limited * 1_000_000_000 + max(0, attoseconds / 1_000_000_000))
    }
}
