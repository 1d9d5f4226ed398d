// SPDX-License-Identifier: Apache-2.0

import Glibc
import LocalMail
import NIOCore
import NIOSSL
import Privacy
import SMTPTransport
import SMTPWire
import ServiceLifecycle
import Settings

/// A bound `[[listener]]` and the sessions that it starts.
struct GatewayListener: Service {
    let role: Listener.Role
    /// Where it listens, for people.
    let address: String
    private let settings: Listener
    private let listener: SMTPListener
    private let services: SessionServices
    private let offersTLS: Bool
    private let channelBinding: [UInt8]?

    /// How long sessions may go on once the gateway stops.
    static let grace = Duration.seconds(20)

    static func bind(
        _ settings: Listener,
        tls: NIOSSLContext?,
        channelBinding: [UInt8]?,
        limits: ConnectionLimits,
        services: SessionServices,
        group: any EventLoopGroup
    ) async throws -> GatewayListener {
        // On a unix socket nobody listens in.
        let tls = settings.path == nil ? tls : nil
        let configuration = SMTPListener.Configuration(
            host: settings.address,
            port: settings.port,
            path: settings.path,
            isImplicitTLS: settings.role == .submissions,
            tlsContext: { tls },
            limits: FramingLimits(services.settings.limits),
            connectionLimits: limits,
            log: services.log
        )
        if let path = settings.path { try LocalSocket.prepare(path) }
        let listener = try await SMTPListener.bind(configuration, group: group)
        if let path = settings.path { try LocalSocket.open(path, mode: settings.mode, owner: settings.owner) }
        return GatewayListener(
            settings: settings,
            address: settings.path.map { "unix:" + $0 } ?? "\(settings.address):\(listener.port)",
            listener: listener,
            services: services,
            offersTLS: tls != nil && settings.role != .submissions,
            channelBinding: channelBinding
        )
    }

    private init(
        settings: Listener,
        address: String,
        listener: SMTPListener,
        services: SessionServices,
        offersTLS: Bool,
        channelBinding: [UInt8]?
    ) {
        self.settings = settings
        role = settings.role
        self.address = address
        self.listener = listener
        self.services = services
        self.offersTLS = offersTLS
        self.channelBinding = channelBinding
    }

    /// Serves until the gateway stops; then sessions get `421` between two transactions, and the rest is cut off after a grace.
    func run() async throws {
        let listener = listener
        defer { if let path = settings.path { unsafe unlink(path) } }
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
                try? await services.time.sleep(for: Self.grace)
            }
            do { try await group.next() } catch is CancellationError {}
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    private func converse(_ connection: SMTPServerConnection) async {
        let client = connection.remoteAddress?.exposed.bytes
        if let filter = settings.filter, settings.path == nil, !filter.admits(address: client ?? []) {
            services.counters.add("clients that a filter does not know")
            return await connection.close(.notForYou)
        }
        let isOurs = client.map { services.settings.isOurs(address: $0) } ?? false
        var state = SessionState(role: role, isInOurNetworks: isOurs, offersTLS: offersTLS)
        state.filter = settings.filter
        state.speaksLMTP = settings.filter != nil && settings.path != nil
        state.isEncrypted = connection.tls != nil
        state.channelBinding = channelBinding
        if role == .local {
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

/// The rights of a listener's unix socket can't be set.

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
