// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// An https server that answers what a test tells it to.
final class ScriptedSite: Sendable {
    struct Reply: Sendable {
        var text: String
        /// Sent again and again behind the text, until the client goes.
        var endlessly: String?
        var closes = true

        init(_ text: String, endlessly: String? = nil, closes: Bool = true) {
            self.text = text
            self.endlessly = endlessly
            self.closes = closes
        }

        /// A page with its length in front.
        static func page(_ body: String, _ header: String = "", status: String = "200 OK") -> Reply {
            Reply("HTTP/1.1 \(status)\r\n\(header)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
    }

    private struct State {
        var connections = 0
        var requests: [String] = []
    }

    private let state = Mutex(State())
    private let channel: any Channel

    var port: Int { channel.localAddress?.port ?? 0 }
    /// Connections accepted, finished handshakes or not.
    var connections: Int { state.withLock(\.connections) }
    var requests: [String] { state.withLock(\.requests) }

    /// - Parameter identity: nil speaks no TLS, and answers before it is asked.
    init(
        at address: String = "127.0.0.1",
        port: Int = 0,
        _ identity: TestAuthority.Identity?,
        reply: @escaping @Sendable (String) -> Reply
    ) async throws {
        let context = try identity.map { identity in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: identity.chain.map { .certificate($0) },
                    privateKey: .privateKey(identity.key)
                )
            )
        }
        let accepted = Accepted()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                accepted.connection()
                return channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    let handler = SiteHandler(accepted, speaksFirst: context == nil, reply)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: address, port: port).get()
        accepted.site = self
    }

    func stop() async { try? await channel.close() }

    fileprivate func noteConnection() { state.withLock { $0.connections += 1 } }
    fileprivate func noteRequest(_ text: String) { state.withLock { $0.requests.append(text) } }

    /// Stands for the site while that is being made.
    fileprivate final class Accepted: Sendable {
        private let held = Mutex<ScriptedSite?>(nil)

        var site: ScriptedSite? {
            get { held.withLock { $0 } }
            set { held.withLock { $0 = newValue } }
        }

        func connection() { site?.noteConnection() }
        func request(_ text: String) { site?.noteRequest(text) }
    }
}

private final class SiteHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let accepted: ScriptedSite.Accepted
    private let reply: @Sendable (String) -> ScriptedSite.Reply
    private var text = ""
    private var isAnswered = false

    private let speaksFirst: Bool

    init(
        _ accepted: ScriptedSite.Accepted,
        speaksFirst: Bool,
        _ reply: @escaping @Sendable (String) -> ScriptedSite.Reply
    ) {
        self.accepted = accepted
        self.speaksFirst = speaksFirst
        self.reply = reply
    }

    func channelActive(context: ChannelHandlerContext) {
        if speaksFirst { answer(reply(""), context) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: Self.unwrapInboundIn(data))
        guard !isAnswered, let end = text.firstRange(of: "\r\n\r\n") else { return }
        let length = text.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
            .flatMap { Int($0.dropFirst(16)) }
        guard text[end.upperBound...].utf8.count >= length ?? 0 else { return }
        isAnswered = true
        accepted.request(text)
        answer(reply(text), context)
    }

    private func answer(_ reply: ScriptedSite.Reply, _ context: ChannelHandlerContext) {
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: reply.text)), promise: nil)
        if let more = reply.endlessly {
            pump(ByteBuffer(string: String(repeating: more, count: 1000)), context)
        } else if reply.closes {
            context.close(promise: nil)
        }
    }

    private func pump(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.writeAndFlush(Self.wrapOutboundOut(bytes)).whenSuccess {
            // Written at once, it would call itself ever deeper.
            bound.eventLoop.execute {
                let (handler, context) = bound.value
                handler.pump(bytes, context)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
