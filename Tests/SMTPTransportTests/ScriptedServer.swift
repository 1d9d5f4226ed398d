// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

/// Says the next of its texts for each write of the client, the first one on connect, and keeps what the client says.
final class ScriptedServer: Sendable {
    private final class Session: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let server: ScriptedServer
        private var texts: ArraySlice<String>
        private var isFlooding = false

        init(_ server: ScriptedServer) {
            self.server = server
            texts = server.texts[...]
        }

        func channelActive(context: ChannelHandlerContext) { sayNext(context) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            server.state.withLock { $0.received += String(buffer: Self.unwrapInboundIn(data)) }
            sayNext(context)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) { flood(context) }

        func channelInactive(context: ChannelHandlerContext) { server.state.withLock { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func sayNext(_ context: ChannelHandlerContext) {
            if let text = texts.popFirst() {
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            } else if server.flood != nil {
                isFlooding = true
                flood(context)
            }
        }

        private func flood(_ context: ChannelHandlerContext) {
            guard isFlooding, let text = server.flood else { return }
            let block = ByteBuffer(string: String(repeating: text, count: 64))
            var rounds = 0
            while context.channel.isWritable, rounds < 64 {
                context.writeAndFlush(Self.wrapOutboundOut(block), promise: nil)
                rounds += 1
            }
            guard context.channel.isWritable else { return }
            context.eventLoop.assumeIsolated().execute { self.flood(context) }
        }
    }

    private struct State {
        var received = ""
        var isClosed = false
    }

    private let texts: [String]
    private let flood: String?
    private let state = Mutex(State())

    init(_ texts: [String], thenForever flood: String? = nil) {
        self.texts = texts
        self.flood = flood
    }

    var received: String { state.withLock { $0.received } }

    func run(_ body: @Sendable (_ port: Int) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Session(self)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(server.localAddress?.port ?? 0)
            try await server.close().get()
        } catch {
            try await server.close().get()
            throw error
        }
    }

    /// Waits until the client's connection has ended, ten seconds at most.
    func waitForClose() async throws -> Bool {
        for _ in 0..<1000 {
            if state.withLock({ $0.isClosed }) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
