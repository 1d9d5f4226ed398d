// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A SOCKS5 proxy that writes down what it is asked and stands in for every host itself: it greets with 220.
final class RecordingProxy: Sendable {
    struct Request: Sendable, Hashable {
        var methods: [UInt8] = []
        var user = ""
        var password = ""
        /// 1 IPv4, 3 a name, 4 IPv6.
        var kind: UInt8 = 0
        var host: [UInt8] = []
        var port = 0

        var name: String { String(decoding: host, as: UTF8.self) }
    }

    /// What it answers, step by step.
    struct Answers: Sendable {
        var method: [UInt8] = [5, 2]
        var signIn: [UInt8] = [1, 0]
        /// In pieces of one octet.
        var reply: [UInt8] = [5, 0, 0, 1, 127, 0, 0, 1, 0, 25]
        var greeting = "220 through the proxy\r\n"
        var hangsUpInstead = false
    }

    private final class Session: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private enum Stage { case method, signIn, request, conversation }

        private let proxy: RecordingProxy
        private var stage = Stage.method
        private var buffer: [UInt8] = []
        private var request = Request()

        init(_ proxy: RecordingProxy) { self.proxy = proxy }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            buffer += Array(buffer: Self.unwrapInboundIn(data))
            while step(context) {}
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func step(_ context: ChannelHandlerContext) -> Bool {
            switch stage {
            case .method:
                guard buffer.count >= 2, buffer.count >= 2 + Int(buffer[1]) else { return false }
                request.methods = take(2 + Int(buffer[1])).dropFirst(2).map { $0 }
                say(proxy.answers.method, context)
                stage = proxy.answers.method.last == 0 ? .request : .signIn
            case .signIn:
                guard buffer.count >= 2, buffer.count >= 3 + Int(buffer[1]) else { return false }
                let user = Int(buffer[1])
                let password = Int(buffer[2 + user])
                guard buffer.count >= 3 + user + password else { return false }
                let bytes = take(3 + user + password)
                request.user = String(decoding: bytes[2..<(2 + user)], as: UTF8.self)
                request.password = String(decoding: bytes[(3 + user)...], as: UTF8.self)
                say(proxy.answers.signIn, context)
                stage = .request
            case .request:
                guard buffer.count >= 5 else { return false }
                let length = [1: 4, 4: 16][buffer[3]] ?? 1 + Int(buffer[4])
                guard buffer.count >= 6 + length else { return false }
                let bytes = take(6 + length)
                request.kind = bytes[3]
                request.host = Array(bytes[(request.kind == 3 ? 5 : 4)..<(4 + length)])
                request.port = Int(bytes[4 + length]) << 8 | Int(bytes[5 + length])
                proxy.requests.withLock { [request] in $0.append(request) }
                if proxy.answers.hangsUpInstead { context.close(promise: nil) }
                for byte in proxy.answers.reply { say([byte], context) }
                if proxy.answers.reply.dropFirst().first == 0 { say(Array(proxy.answers.greeting.utf8), context) }
                stage = .conversation
            case .conversation: return false
            }
            return true
        }

        private func take(_ count: Int) -> [UInt8] {
            defer { buffer.removeFirst(count) }
            return Array(buffer.prefix(count))
        }

        private func say(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        }
    }

    private let requests = Mutex<[Request]>([])
    private let answers: Answers

    init(_ answers: Answers = Answers()) { self.answers = answers }

    var all: [Request] { requests.withLock { $0 } }

    func run(_ body: @Sendable (_ address: SocketAddress) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Session(self)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(try #require(server.localAddress))
            try await server.close().get()
        } catch {
            try await server.close().get()
            throw error
        }
    }
}
