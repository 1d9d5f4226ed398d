// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Stands between the socket and the TLS handler and reads along while the handshake is in clear; what passes is not touched.
final class HelloWatcher: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var client = HelloReader()
    private var server = HelloReader()

    var record: HelloRecord { HelloRecord(client: client, server: server) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if server.end == nil { server.take(Self.unwrapInboundIn(data).readableBytesView) }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if client.end == nil { client.take(Self.unwrapOutboundIn(data).readableBytesView) }
        context.write(data, promise: promise)
    }
}
