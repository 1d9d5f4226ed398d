// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Privacy
import SMTPTransport
import SMTPWire
import ServiceLifecycle
import Settings

/// A bound `[[listener]]` and the sessions that it starts.
struct GatewayListener: Service {
    let settings: Listener
    /// With the port that was really bound.
    let address: String
    private let listener: SMTPListener
    private let entrance: Entrance
    private let time: Time

    /// How long sessions may go on once the gateway stops or is locked.
    static let grace = Duration.seconds(20)

    /// `socket`: one that was handed over for this listener; else it binds its own.
    static func bind(
        _ settings: Listener,
        socket: Int32?,
        entrance: Entrance,
        time: Time,
        group: any EventLoopGroup
    ) async throws -> GatewayListener {
        var configuration = entrance.configuration(for: settings, socket: socket)
        configuration.current = { entrance.configuration(for: settings) }
        let listener = try await SMTPListener.bind(configuration, group: group)
        return GatewayListener(
            settings: settings,
            address: "\(settings.address):\(listener.port)",
            listener: listener,
            entrance: entrance,
            time: time
        )
    }

    private init(settings: Listener, address: String, listener: SMTPListener, entrance: Entrance, time: Time) {
        self.settings = settings
        self.address = address
        self.listener = listener
        self.entrance = entrance
        self.time = time
    }

    /// Serves until the gateway stops; then sessions get `421` between two transactions, and the rest is cut off after a grace.
    func run() async throws {
        let listener = listener
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await listener.run { connection in await converse(connection) }
                } onGracefulShutdown: {
                    listener.drain()
                }
            }
            group.addTask {
                try? await gracefulShutdown()
                try? await time.sleep(for: Self.grace)
            }
            do { try await group.next() } catch is CancellationError {}
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    /// Stops accepting; the sessions that it has go on.
    func stopAccepting() { listener.stopAccepting() }

    /// Gives the port back when nothing was ever served.
    func discard() async {
        listener.stopAccepting()
        try? await listener.run { _ in }
    }

    var sessions: Int { listener.sessions }

    func askSessionsToEnd() { listener.askSessionsToEnd() }

    func cutSessionsOff() { listener.cutSessionsOff() }

    private func converse(_ connection: SMTPServerConnection) async {
        // Asked only now that the connection is among those that a lock tells to end: either this sees the lock, or the lock
        // sees the connection.
        let rules = entrance.now
        guard let services = rules.services else { return await connection.close(.locked) }
        let isOurs = connection.remoteAddress.map { services.settings.isOurs(address: $0.exposed.bytes) } ?? false
        var state = SessionState(
            role: Entrance.role(at: settings, in: services.settings),
            isInOurNetworks: isOurs,
            offersTLS: connection.canStartTLS
        )
        state.isEncrypted = connection.tls != nil
        var session = Session(connection: connection, services: services, state: state)
        await session.run()
    }
}

extension FramingLimits {
    init(_ limits: Limits) {
        self.init()
        commandTimeout = limits.commandTimeout
        bodyIdleTimeout = limits.dataTimeout
        bodyGrace = limits.dataTimeout
        minimumBodyRate = limits.minRate
        handshakeTimeout = limits.tlsTimeout
    }
}
