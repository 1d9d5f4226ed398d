// SPDX-License-Identifier: Apache-2.0

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
    let address: String
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
        let listener = try await SMTPListener.bind(
            SMTPListener.Configuration(
                host: settings.address,
                port: settings.port,
                isImplicitTLS: settings.role == .submissions,
                tlsContext: { tls },
                limits: FramingLimits(services.settings.limits),
                connectionLimits: limits,
                log: services.log
            ),
            group: group
        )
        return GatewayListener(
            role: settings.role,
            address: "\(settings.address):\(listener.port)",
            listener: listener,
            services: services,
            offersTLS: tls != nil && settings.role != .submissions,
            channelBinding: channelBinding
        )
    }

    private init(
        role: Listener.Role,
        address: String,
        listener: SMTPListener,
        services: SessionServices,
        offersTLS: Bool,
        channelBinding: [UInt8]?
    ) {
        self.role = role
        self.address = address
        self.listener = listener
        self.services = services
        self.offersTLS = offersTLS
        self.channelBinding = channelBinding
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
                try? await services.time.sleep(for: Self.grace)
            }
            do { try await group.next() } catch is CancellationError {}
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    private func converse(_ connection: SMTPServerConnection) async {
        let isOurs = connection.remoteAddress.map { services.settings.isOurs(address: $0.exposed.bytes) } ?? false
        var state = SessionState(role: role, isInOurNetworks: isOurs, offersTLS: offersTLS)
        state.isEncrypted = connection.tls != nil
        state.channelBinding = channelBinding
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
