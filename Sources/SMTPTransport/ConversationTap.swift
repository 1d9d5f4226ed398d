// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Is told what a client connection says and hears, inside TLS in clear; on the connection's event loop.
///
/// For tools that show a conversation. What it is told holds passwords and mail.
package struct ConversationTap: Sendable {
    package let said: @Sendable (ByteBuffer) -> Void
    package let heard: @Sendable (ByteBuffer) -> Void

    package init(said: @escaping @Sendable (ByteBuffer) -> Void, heard: @escaping @Sendable (ByteBuffer) -> Void) {
        self.said = said
        self.heard = heard
    }
}

final class ConversationTapHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let tap: ConversationTap

    init(_ tap: ConversationTap) { self.tap = tap }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        tap.heard(Self.unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        tap.said(Self.unwrapOutboundIn(data))
        context.write(data, promise: promise)
    }
}
