// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import NIOCore
import Privacy
import SMTPTransport
import SMTPWire
import Synchronization

/// A connection past its greeting, EHLO, TLS and sign-in.
struct ReadyConnection: Sendable {
    let connection: SMTPClientConnection
    /// The peer it leads to; equal for connections that can stand in for each other.
    let peer: Peer.Key
    /// What its last EHLO or LHLO offered.
    let extensions: ServerExtensions
    /// The name of the host, for reports.
    let host: Sensitive<String>
    /// How far the channel came; nil for a server of the operator's choice.
    var event: ChannelPolicy.ChannelEvent?
    /// How a message goes out over it, by what was decided for it; nil for a server of the operator's choice.
    var record: ChannelRecord?
    /// At a server of the operator's choice: TLS is up, and its certificate was verified or it is this machine.
    var isTrusted = false
    /// Transactions that it has carried.
    var carried = 0
    /// It has waited in the pool: the other side may have closed it meanwhile.
    var isReused = false
}

extension ReadyConnection {
    /// REQUIRETLS goes on over it: the channel is proven, and the server promises the same.
    var carriesRequireTLS: Bool { record?.saysRequireTLS ?? (isTrusted && extensions.requireTLS) }

    /// A message with REQUIRETLS may go over it; by LMTP it is at the end of its way.
    var keepsTLS: Bool { carriesRequireTLS || connection.dialect == .lmtp }
}

/// Open connections that wait for their next message, the one used last first.
final class ConnectionPool: Sendable {
    private struct Idle {
        var ready: ReadyConnection
        let since: BootTime
    }

    private struct State {
        var idle: [Peer.Key: [Idle]] = [:]
        var retired: [SMTPClientConnection] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let time: Time
    private let idleLimit: Duration
    private let maxTransactions: Int

    init(time: Time, idleLimit: Duration, maxTransactions: Int) {
        self.time = time
        self.idleLimit = idleLimit
        self.maxTransactions = maxTransactions
    }

    func take(_ peer: Peer.Key) -> ReadyConnection? {
        let oldest = time.boot()
        return state.withLock { state in
            while var idle = state.idle[peer]?.popLast() {
                if idle.ready.connection.channel.isActive && oldest - idle.since < idleLimit {
                    idle.ready.isReused = true
                    return idle.ready
                }
                state.retired.append(idle.ready.connection)
            }
            return nil
        }
    }

    /// Gives a connection back that can carry another transaction.
    func give(_ ready: ReadyConnection) {
        let now = time.boot()
        state.withLock { state in
            if state.isClosed || ready.carried >= maxTransactions {
                state.retired.append(ready.connection)
            } else {
                state.idle[ready.peer, default: []].append(Idle(ready: ready, since: now))
            }
        }
    }

    /// Lets go of a connection that nobody is to use any more; it is closed politely by ``sweep()``.
    func retire(_ connection: SMTPClientConnection) {
        state.withLock { $0.retired.append(connection) }
    }

    /// Says goodbye on connections that have waited too long or carried enough.
    func sweep() async {
        let now = time.boot()
        await quit(
            state.withLock { state in
                for (peer, list) in state.idle {
                    let kept = list.filter { now - $0.since < idleLimit && $0.ready.connection.channel.isActive }
                    guard kept.count < list.count else { continue }
                    state.retired += list.filter { now - $0.since >= idleLimit }.map(\.ready.connection)
                    state.idle[peer] = kept.isEmpty ? nil : kept
                }
                defer { state.retired = [] }
                return state.retired
            }
        )
    }

    /// Closes all that is here, and from now on whatever is given back.
    func close() async {
        await quit(
            state.withLock { state in
                state.isClosed = true
                let all = state.retired + state.idle.values.joined().map(\.ready.connection)
                state.idle = [:]
                state.retired = []
                return all
            }
        )
    }

    private func quit(_ connections: [SMTPClientConnection]) async {
        guard !connections.isEmpty else { return }
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.quit() } }
        }
    }
}
