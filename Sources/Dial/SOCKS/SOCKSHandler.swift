// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Speaks to the proxy when the connection to it is there, lets nothing else pass until it has connected us, and then leaves.
final class SOCKSHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var dialogue: SOCKSDialogue
    private let timeout: TimeAmount
    private let outcome: EventLoopPromise<Void>
    private var isOver = false
    private var deadline: Scheduled<Void>?

    /// - Parameter outcome: told once, with a `SOCKSFailure` when there is no connection.
    init(_ dialogue: SOCKSDialogue, timeout: TimeAmount, outcome: EventLoopPromise<Void>) {
        self.dialogue = dialogue
        self.timeout = timeout
        self.outcome = outcome
    }

    func channelActive(context: ChannelHandlerContext) {
        send(dialogue.opening, context)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.fail(.timedOut, bound.value) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return context.fireChannelRead(data) }
        do throws(SOCKSFailure) {
            switch try dialogue.take(Self.unwrapInboundIn(data).readableBytesView) {
            case .wait: break
            case .send(let bytes): send(bytes, context)
            case .connected(let rest):
                end()
                outcome.succeed()
                if !rest.isEmpty { context.fireChannelRead(Self.wrapInboundOut(ByteBuffer(bytes: rest))) }
                context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
            }
        } catch {
            fail(error, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.lost, context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.lost, context)
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) { fail(.lost, context) }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func end() {
        isOver = true
        deadline?.cancel()
        deadline = nil
    }

    private func fail(_ failure: SOCKSFailure, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        end()
        outcome.fail(failure)
        context.close(promise: nil)
    }
}
