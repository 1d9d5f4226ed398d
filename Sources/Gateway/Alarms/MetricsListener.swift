// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// The loopback port where Prometheus may ask: one request a connection, a few connections at once, a few seconds each.
struct MetricsListener: Service {
    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private static let mostConnections = 8
    private static let patience = TimeAmount.seconds(10)

    private let server: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>
    private let metrics: @Sendable () async -> String
    private let open = OpenConnections()

    static func bind(
        port: Int,
        group: any EventLoopGroup,
        metrics: @escaping @Sendable () async -> String
    ) async throws -> MetricsListener {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
        let server = try await bootstrap.bind(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return MetricsListener(server: server, metrics: metrics)
    }

    private init(
        server: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>,
        metrics: @escaping @Sendable () async -> String
    ) {
        self.server = server
        self.metrics = metrics
    }

    /// The bound port.
    var port: Int { server.channel.localAddress?.port ?? 0 }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                try await withThrowingDiscardingTaskGroup { group in
                    try await server.executeThenClose { connections in
                        for try await connection in connections {
                            group.addTask { await answer(connection) }
                        }
                    }
                }
            }
        } catch is CancellationError {
            // The gateway stops.
        }
    }

    private func answer(_ connection: Connection) async {
        let channel = connection.channel
        let isOneOfFew = open.enter(limit: Self.mostConnections)
        defer { open.leave() }
        let limit = channel.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
        defer { limit.cancel() }
        // Whoever asks badly or goes away early has himself to blame.
        try? await connection.executeThenClose { inbound, outbound in
            guard isOneOfFew else { return }
            var request: [UInt8] = []
            for try await bytes in inbound {
                request += Array(bytes.readableBytesView)
                guard let answer = MetricsRequest.answer(to: request) else { continue }
                let body = answer == .metrics ? await metrics() : ""
                let response = MetricsRequest.response(answer, body: body)
                return try await outbound.write(ByteBuffer(string: response))
            }
        }
    }
}

/// How many connections are open.
private final class OpenConnections: Sendable {
    private let count = Mutex(0)

    /// Counts one in; false when it is one too many.
    func enter(limit: Int) -> Bool {
        count.withLock { count in
            count += 1
            return count <= limit
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}
