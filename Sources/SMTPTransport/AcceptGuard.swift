// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Privacy

/// Stands at the listening socket: a failed accept (no descriptors left, a connection aborted) is logged and followed by a
/// pause, and never ends the listener.
final class AcceptGuard: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = any Channel
    typealias OutboundOut = any Channel

    private let log: Log
    private var isPausing = false
    private var isReadWanted = false

    init(log: Log) {
        self.log = log
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard context.channel.isActive else {
            context.fireErrorCaught(error)
            return
        }
        guard !isPausing else { return }
        isPausing = true
        if let error = error as? IOError {
            log.error("cannot accept connections, pausing", .count("errno", Int(error.errnoCode)))
        } else {
            log.error("cannot accept connections, pausing")
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) {
            self.isPausing = false
            guard self.isReadWanted else { return }
            self.isReadWanted = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPausing { isReadWanted = true } else { context.read() }
    }
}

/// Tells one client too many so, and closes.
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: [UInt8]

    /// - Parameter bytes: what to say; empty on a port where TLS comes first.
    init(saying bytes: [UInt8]) {
        self.bytes = bytes
    }

    func channelActive(context: ChannelHandlerContext) {
        if !bytes.isEmpty { context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil) }
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
