// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Who waits for which answer.
///
/// A C callback can carry no Swift closure; it carries a ticket, a plain number, and looks here. A ticket that is no
/// longer here (timed out, cancelled) means nothing to anybody, so that a late callback is harmless.
final class PendingQueries: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<DNSAnswer, Never>
        var asyncID: CInt?
    }

    private struct State {
        var waiters: [UInt: Waiter] = [:]
        var lastTicket: UInt = 0
    }

    private let state = Mutex(State())

    /// The one table: tickets are unique in the process.
    static let all = PendingQueries()

    private init() {}

    func newTicket() -> UInt {
        state.withLock { state in
            state.lastTicket &+= 1
            return state.lastTicket
        }
    }

    func add(_ ticket: UInt, _ continuation: CheckedContinuation<DNSAnswer, Never>) {
        state.withLock { $0.waiters[ticket] = Waiter(continuation: continuation) }
    }

    /// Notes by which number libunbound knows the question, for ending it early.
    func setAsyncID(_ ticket: UInt, _ id: CInt) {
        state.withLock { $0.waiters[ticket]?.asyncID = id }
    }

    /// Gives the answer to whoever waits; at most one call for a ticket does anything.
    ///
    /// Returns libunbound's number, when one was noted.
    @discardableResult
    func finish(_ ticket: UInt, _ answer: DNSAnswer) -> CInt? {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: ticket) }
        waiter?.continuation.resume(returning: answer)
        return waiter?.asyncID
    }
}
