// SPDX-License-Identifier: Apache-2.0

package import SMTPWire
import Synchronization

/// Counts connections, in all and per client, over any number of listeners.
///
/// IPv6 clients are counted by their /64.
package final class ConnectionLimits: Sendable {
    /// A connection that was counted in; give it back to ``release(_:)``.
    package struct Admission: Sendable {
        /// Under which client it counts; `nil`: towards the total only.
        fileprivate let client: [UInt8]?
    }

    private struct State {
        var total = 0
        var byClient: [[UInt8]: Int] = [:]
        var refused = Refused()
        var maxTotal: Int
        var maxPerClient: Int
        var isExempt: @Sendable (IPAddress) -> Bool
        var handshakes = HandshakeBudget()
    }

    private let state: Mutex<State>
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter isExempt: clients that only count towards the total (configured networks, say).
    package init(
        maxTotal: Int = 1000,
        maxPerClient: Int = 50,
        isExempt: @escaping @Sendable (IPAddress) -> Bool = { _ in false },
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) {
        self.now = now
        state = Mutex(State(maxTotal: maxTotal, maxPerClient: maxPerClient, isExempt: isExempt))
    }

    /// Connections open now.
    package var current: Int { state.withLock { $0.total } }

    /// Other limits from now on; who is in stays in.
    package func change(maxTotal: Int, maxPerClient: Int, isExempt: @escaping @Sendable (IPAddress) -> Bool) {
        state.withLock { state in
            state.maxTotal = maxTotal
            state.maxPerClient = maxPerClient
            state.isExempt = isExempt
        }
    }

    /// Connections that were one too many, since the start.
    package struct Refused: Sendable {
        package fileprivate(set) var inTotal = 0
        package fileprivate(set) var perClient = 0
    }

    package var refused: Refused { state.withLock { $0.refused } }

    /// Counts a connection in, unless it is one too many, or its client has left too many TLS handshakes unfinished.
    ///
    /// What was admitted must be released.
    package func admit(_ address: IPAddress?) -> Admission? {
        let now = now()
        return state.withLock { state in
            guard state.total < state.maxTotal else {
                state.refused.inTotal += 1
                return nil
            }
            let client = address.flatMap { state.isExempt($0) ? nil : ConnectionLimits.client($0) }
            if let client {
                let open = state.byClient[client, default: 0]
                guard open < state.maxPerClient, state.handshakes.hasRoom(client, at: now) else {
                    state.refused.perClient += 1
                    return nil
                }
                state.byClient[client] = open + 1
            }
            state.total += 1
            return Admission(client: client)
        }
    }

    package func release(_ admission: Admission) {
        state.withLock { state in
            state.total -= 1
            guard let client = admission.client, let open = state.byClient[client] else { return }
            state.byClient[client] = open > 1 ? open - 1 : nil
        }
    }

    /// Notes that the client of a connection has begun a TLS handshake, or finished it.
    func noteHandshake(_ admission: Admission, isFinished: Bool) {
        guard let client = admission.client else { return }
        let now = now()
        state.withLock { state in
            if isFinished {
                state.handshakes.finish(client, at: now)
            } else {
                state.handshakes.begin(client, at: now)
            }
        }
    }

    private static func client(_ address: IPAddress) -> [UInt8] {
        address.isIPv4 ? address.bytes : Array(address.bytes.prefix(8))
    }
}
