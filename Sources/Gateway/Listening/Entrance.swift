// SPDX-License-Identifier: Apache-2.0

import Dial
import Privacy
import SMTPTransport
import SMTPWire
import Settings
import Synchronization

/// What a new connection meets.
///
/// A reload changes it for those who come from then on; while the gateway is locked it lets nobody in.
final class Entrance: Sendable {
    struct Rules: Sendable {
        var settings: PosternSettings
        var tls: ListenerTLS?
        /// Nil while the gateway is locked.
        var services: SessionServices?
    }

    let connections: ConnectionLimits
    private let rules: Mutex<Rules>
    private let log: Log

    init(_ rules: Rules, connections: ConnectionLimits, log: Log) {
        self.rules = Mutex(rules)
        self.connections = connections
        self.log = log
    }

    var now: Rules { rules.withLock { $0 } }

    /// What we show, as it stands now, to servers that ask who connects.
    var identity: ClientIdentity? { now.tls?.certificates.identity }

    func change(_ change: (inout Rules) -> Void) { rules.withLock { change(&$0) } }

    /// How the listener at the place of `listener` receives the next connection.
    func configuration(for listener: Listener, socket: Int32? = nil) -> SMTPListener.Configuration {
        let rules = now
        // On a unix socket nobody listens in.
        let role = Self.listener(at: listener, in: rules.settings).role
        let shown = listener.path == nil ? rules.tls : nil
        let tls = role == .mx ? shown?.forServers : shown?.forUsers
        var configuration = SMTPListener.Configuration(
            host: listener.address,
            port: listener.port,
            path: listener.path,
            isImplicitTLS: role == .submissions,
            tlsContext: { tls?.current },
            limits: FramingLimits(rules.settings.limits),
            connectionLimits: connections,
            log: log
        )
        configuration.socket = socket
        configuration.closedWith = rules.services == nil ? .locked : nil
        return configuration
    }

    /// A reload may give the same place another role, or another filter.
    static func listener(at listener: Listener, in settings: PosternSettings) -> Listener {
        settings.listeners.first { $0.place == listener.place } ?? listener
    }
}
