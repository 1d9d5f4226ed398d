// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
package import NIOSSL
package import Privacy
package import SMTPWire
import Synchronization

/// A bound socket that hands each accepted connection to a session of its own, on the connection's event loop.
package struct SMTPListener: Sendable {
    /// Where and how to listen.
    package struct Configuration: Sendable {
        /// An IP address to bind.
        package var host: String
        /// 0 for any free port.
        package var port: Int
        /// The path of a unix socket, in place of host and port; the caller's user is then known.
        package var path: String?
        /// TLS from the first byte, else STARTTLS.
        package var isImplicitTLS: Bool
        /// The context for new handshakes, asked for at each connection so that a certificate can be changed; `nil`: no TLS now.
        package var tlsContext: @Sendable () -> NIOSSLContext?
        package var limits: FramingLimits
        package var connectionLimits: ConnectionLimits
        package var log: Log
        /// A listening socket that was handed over; `nil`: one is bound.
        package var socket: Int32?
        /// Nobody is let in: a connection that begins in clear gets this reply, and every one is closed.
        package var closedWith: Reply?
        /// What holds for the next connection, in place of what this says; `nil`: this, for all of them.
        package var current: (@Sendable () -> Configuration)?

        package init(
            host: String,
            port: Int,
            path: String? = nil,
            isImplicitTLS: Bool = false,
            tlsContext: @escaping @Sendable () -> NIOSSLContext? = { nil },
            limits: FramingLimits = FramingLimits(),
            connectionLimits: ConnectionLimits = ConnectionLimits(),
            log: Log = .none
        ) {
            self.host = host
            self.port = port
            self.path = path
            self.isImplicitTLS = isImplicitTLS
            self.tlsContext = tlsContext
            self.limits = limits
            self.connectionLimits = connectionLimits
            self.log = log
        }
    }

    private let server: NIOAsyncChannel<AcceptedConnection?, Never>
    private let live = LiveConnections()

    /// Binds; throws what the system says when it cannot.
    ///
    /// Nothing is accepted before ``run(_:)``, which must follow.
    package static func bind(_ configuration: Configuration, group: any EventLoopGroup) async throws -> SMTPListener {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptGuard(log: configuration.log))
                }
            }
            .childChannelOption(
                .socketOption(.so_rcvbuf),
                value: SocketOptionValue(configuration.limits.socketReceiveBuffer)
            )
            .childChannelOption(
                .socketOption(.so_sndbuf),
                value: SocketOptionValue(configuration.limits.socketSendBuffer)
            )
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16_384))
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 8192, high: 32_768))
        let accept: @Sendable (any Channel) -> EventLoopFuture<AcceptedConnection?> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try AcceptedConnection.make(channel, configuration.current?() ?? configuration)
            }
        }
        if let path = configuration.path {
            return SMTPListener(
                server: try await bootstrap.bind(unixDomainSocketPath: path, childChannelInitializer: accept)
            )
        }
        let tcp =
            bootstrap
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
        guard let socket = configuration.socket else {
            let server = try await tcp.bind(
                host: configuration.host,
                port: configuration.port,
                childChannelInitializer: accept
            )
            return SMTPListener(server: server)
        }
        return SMTPListener(server: try await tcp.bind(socket, childChannelInitializer: accept))
    }

    private init(server: NIOAsyncChannel<AcceptedConnection?, Never>) {
        self.server = server
    }

    /// The bound port.
    package var port: Int { server.channel.localAddress?.port ?? 0 }

    /// Accepts until ``drain()`` or cancellation, and returns when every session has ended.
    ///
    /// - Parameter session: runs on the connection's event loop. It should end with ``SMTPServerConnection/close(_:)``; when it
    ///   just returns, the connection is closed in the same way, without a word.
    package func run(_ session: @escaping @Sendable (SMTPServerConnection) async -> Void) async throws {
        try await withTaskExecutorPreference(LoopExecutor(server.channel.eventLoop)) {
            try await withThrowingDiscardingTaskGroup { group in
                try await server.executeThenClose { inbound in
                    for try await accepted in inbound {
                        guard let accepted else { continue }
                        let executor = LoopExecutor(accepted.channel.eventLoop)
                        group.addTask(executorPreference: executor) { await serve(accepted, session) }
                    }
                }
            }
        }
    }

    /// Stops accepting and asks every session to end (``ServerEvent/shutdownRequested``).
    package func drain() {
        server.channel.close(promise: nil)
        for channel in live.startDraining() { channel.pipeline.fireUserInboundEventTriggered(DrainRequest()) }
    }

    /// Stops accepting; sessions go on until they end by themselves, and ``run(_:)`` returns after the last.
    package func stopAccepting() { server.channel.close(promise: nil) }

    /// Sessions that have not ended.
    package var sessions: Int { live.count }

    /// Asks the sessions of now to end, as ``drain()`` does; the listener goes on.
    package func askSessionsToEnd() {
        for channel in live.all { channel.pipeline.fireUserInboundEventTriggered(DrainRequest()) }
    }

    /// Cuts off the sessions of now.
    package func cutSessionsOff() {
        for channel in live.all { channel.close(promise: nil) }
    }

    private func serve(
        _ accepted: AcceptedConnection,
        _ session: @Sendable (SMTPServerConnection) async -> Void
    ) async {
        let channel = accepted.channel
        if live.insert(channel) { channel.pipeline.fireUserInboundEventTriggered(DrainRequest()) }
        defer { live.remove(channel) }
        await withTaskCancellationHandler {
            let connection = SMTPServerConnection(accepted, peerUser: await PeerUser.of(channel))
            if accepted.isImplicitTLS, await !connection.awaitTLS() { return }
            await session(connection)
            await connection.close()
        } onCancel: {
            channel.close(promise: nil)
        }
        channel.close(promise: nil)
        // What ends a connection early is the peer's affair and already an event; there is nothing to report.
        try? await channel.closeFuture.get()
    }
}

/// A connection that was admitted, its pipeline ready.
struct AcceptedConnection: Sendable {
    let channel: any Channel
    let handler: NIOLoopBound<SessionHandler>
    let remoteAddress: IPAddress?
    let hasTLSContext: Bool
    let isImplicitTLS: Bool

    /// Sets up an accepted channel; `nil` when nobody is let in, it is one too many, or TLS is wanted and there is none.
    static func make(_ channel: any Channel, _ configuration: SMTPListener.Configuration) throws -> AcceptedConnection?
    {
        let address = channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
        let limits = configuration.connectionLimits
        let tls = configuration.tlsContext()
        let operations = channel.pipeline.syncOperations
        if let closed = configuration.closedWith {
            try operations.addHandler(RefusalHandler(saying: configuration.isImplicitTLS ? [] : closed.encoded))
            return nil
        }
        guard let admission = limits.admit(address) else {
            let words = configuration.isImplicitTLS ? [] : Reply.tooManyConnections.encoded
            try operations.addHandler(RefusalHandler(saying: words))
            return nil
        }
        channel.closeFuture.whenComplete { _ in limits.release(admission) }
        if configuration.isImplicitTLS {
            guard let tls else {
                try operations.addHandler(RefusalHandler(saying: []))
                return nil
            }
            try operations.addHandler(ServerTLS.handler(tls))
        }
        try operations.addHandler(
            ServerFramingHandler(
                limits: configuration.limits,
                tlsContext: tls,
                isHandshaking: configuration.isImplicitTLS,
                noteHandshake: { limits.noteHandshake(admission, isFinished: $0) }
            )
        )
        let handler = SessionHandler()
        try operations.addHandler(handler)
        return AcceptedConnection(
            channel: channel,
            handler: NIOLoopBound(handler, eventLoop: channel.eventLoop),
            remoteAddress: address,
            hasTLSContext: tls != nil,
            isImplicitTLS: configuration.isImplicitTLS
        )
    }
}

/// The connections that are being served, so that they can be told to end.
private final class LiveConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isDraining = false
    }

    private let state = Mutex(State())

    /// - Returns: whether draining has begun already.
    func insert(_ channel: any Channel) -> Bool {
        state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            return state.isDraining
        }
    }

    func remove(_ channel: any Channel) {
        _ = state.withLock { $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    var count: Int { state.withLock { $0.channels.count } }

    var all: [any Channel] { state.withLock { Array($0.channels.values) } }

    func startDraining() -> [any Channel] {
        state.withLock { state in
            state.isDraining = true
            return Array(state.channels.values)
        }
    }
}
