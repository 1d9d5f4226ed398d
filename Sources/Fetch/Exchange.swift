// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS

/// What is asked of a server.
struct FetchRequest: Sendable {
    let url: FetchURL
    /// With its content type; nil asks by GET.
    let posted: (body: [UInt8], contentType: String)?
    let maxBytes: Int

    /// Nothing in it tells one sender from another.
    var head: HTTPRequestHead {
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: url.port == 443 ? url.host : "\(url.host):\(url.port)")
        headers.add(name: "Connection", value: "close")
        if let posted {
            headers.add(name: "Content-Type", value: posted.contentType)
            headers.add(name: "Content-Length", value: String(posted.body.count))
        }
        return HTTPRequestHead(
            version: .http1_1,
            method: posted == nil ? .GET : .POST,
            uri: url.target,
            headers: headers
        )
    }
}

/// One question and its answer on one connection, which closes behind them.
final class Exchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: FetchRequest
    private let answer: EventLoopPromise<FetchedBody>
    private var isConnected = false
    private var isSecure = false
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []
    private var isOver = false

    init(_ request: FetchRequest, answer: EventLoopPromise<FetchedBody>) {
        self.request = request
        self.answer = answer
    }

    /// So much may come in front of a body, and behind it.
    static let decoderLimits: NIOHTTPDecoderLimitConfiguration = {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 8192
        limits.maxHeaderListSize = 32_768
        limits.maxHeaderFieldCount = 100
        return limits
    }()

    /// What the connection ran into where it ends without an answer.
    private var loss: FetchFault {
        if isSecure { return .brokenOff }
        return isConnected ? .handshake : .unreachable
    }

    func channelActive(context: ChannelHandlerContext) {
        isConnected = true
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(_)? = event as? TLSUserEvent { ask(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func ask(_ context: ChannelHandlerContext) {
        isSecure = true
        context.write(Self.wrapOutboundOut(.head(request.head)), promise: nil)
        if let posted = request.posted {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: posted.body)))), promise: nil)
        }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): take(head, context)
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= request.maxBytes else { return end(context, .tooLarge) }
            body.append(contentsOf: bytes.readableBytesView)
        case .end: finish(context)
        }
    }

    private func take(_ head: HTTPResponseHead, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        self.head = head
        guard (200...299).contains(head.status.code) else { return finish(context) }
        let codings = head.headers["content-encoding"].map { $0.lowercased() }
        guard codings.allSatisfy({ $0 == "identity" }) else { return end(context, .encoded) }
        let framings = head.headers["transfer-encoding"].map { $0.lowercased() }
        guard framings.isEmpty || framings == ["chunked"] else { return end(context, .encoded) }
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > request.maxBytes {
            end(context, .tooLarge)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard !isOver, let head else { return }
        isOver = true
        answer.succeed(
            FetchedBody(
                status: Int(head.status.code),
                contentType: head.headers.first(name: "content-type"),
                body: body,
                location: head.headers.first(name: "location")
            )
        )
        context.close(promise: nil)
    }

    private func end(_ context: ChannelHandlerContext, _ fault: FetchFault) {
        guard !isOver else { return }
        isOver = true
        answer.fail(fault)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let fault as FetchFault: end(context, fault)
        case HTTPParserError.headerOverflow: end(context, .headerTooLarge)
        case HTTPParserError.invalidEOFState: end(context, .brokenOff)
        case is HTTPParserError: end(context, .malformed)
        default: end(context, loss)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, loss)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if !isOver { answer.fail(loss) }
        isOver = true
    }
}

/// Ends an answer that is too long on the wire, however it is framed.
final class WireBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left: Int

    /// A chunk of one octet is six on the wire.
    init(maxBytes: Int) { left = 131_072 + 8 * max(0, min(maxBytes, 1 << 30)) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        left -= Self.unwrapInboundIn(data).readableBytes
        if left < 0 { context.fireErrorCaught(FetchFault.tooLarge) } else { context.fireChannelRead(data) }
    }
}
