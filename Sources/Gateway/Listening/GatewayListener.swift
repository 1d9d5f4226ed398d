// SPDX-License-Identifier: Apache-2.0

import Glibc
import LocalMail
import NIOCore
import Privacy
import SMTPTransport
import SMTPWire
import ServiceLifecycle
import Settings
import Synchronization

/// A bound `[[listener]]` and the sessions that it starts.
struct GatewayListener: Service {
    let settings: Listener
    /// Where it listens, for people: with the port that was really bound.
    let address: String
    private let listener: SMTPListener
    private let entrance: Entrance
    private let time: Time
    private let file: SocketFile?

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
        if let path = settings.path { try LocalSocket.prepare(path) }
        let listener = try await SMTPListener.bind(configuration, group: group)
        let bound = GatewayListener(
            settings: settings,
            address: settings.path.map { "unix:" + $0 }
                ?? EndpointText.format(.tcp(host: settings.address, port: listener.port)),
            listener: listener,
            entrance: entrance,
            time: time
        )
        do {
            try bound.follow(settings)
        } catch {
            await bound.discard()
            throw error
        }
        return bound
    }

    private init(settings: Listener, address: String, listener: SMTPListener, entrance: Entrance, time: Time) {
        self.settings = settings
        self.address = address
        self.listener = listener
        self.entrance = entrance
        self.time = time
        file = settings.path.map { SocketFile($0) }
    }

    /// Serves until the gateway stops; then sessions get `421` between two transactions, and the rest is cut off after a grace.
    func run() async throws {
        let listener = listener
        defer { file?.remove() }
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

    /// Gives a unix socket the rights that `new` states for it.
    func follow(_ new: Listener) throws(PlaceProblem) {
        guard let path = new.path else { return }
        try LocalSocket.open(path, mode: new.mode, owner: new.owner)
    }

    /// Stops accepting; the sessions that it has go on.
    func stopAccepting() {
        file?.remove()
        listener.stopAccepting()
    }

    /// Gives the port back when nothing was ever served.
    func discard() async {
        stopAccepting()
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
        let listener = Entrance.listener(at: settings, in: services.settings)
        let client = connection.remoteAddress?.exposed.bytes
        if let filter = listener.filter, listener.path == nil, !filter.admits(address: client ?? []) {
            services.counters.add("clients that a filter does not know")
            return await connection.close(.notForYou)
        }
        let isOurs = client.map { services.settings.isOurs(address: $0) } ?? false
        var state = SessionState(
            role: listener.role,
            isInOurNetworks: isOurs,
            offersTLS: connection.canStartTLS
        )
        state.filter = listener.filter
        state.speaksLMTP = listener.filter != nil && listener.path != nil
        state.isEncrypted = connection.tls != nil
        state.channelBindings = rules.tls?.channelBindings ?? []
        if listener.role == .local {
            guard let user = connection.peerUser, services.callers.enter(user) else {
                return await connection.close(.tooManyConnections)
            }
            defer { services.callers.leave(user) }
            state.caller = await services.callers.caller(userID: user)
            var session = Session(connection: connection, services: services, state: state)
            return await session.run()
        }
        var session = Session(connection: connection, services: services, state: state)
        await session.run()
    }
}

/// The file of a unix socket, removed once: another listener may take the same path after this one.
private final class SocketFile: Sendable {
    private let path: Mutex<String?>

    init(_ path: String) { self.path = Mutex(path) }

    func remove() {
        path.withLock { path in
            if let path { unsafe unlink(path) }
            path = nil
        }
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
