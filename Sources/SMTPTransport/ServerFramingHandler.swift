// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import NIOTLS

/// Owns lines, content and the TLS switch of one accepted connection, because it alone sees both directions.
///
/// A read from the session's side is the demand for one batch of events: it is answered from bytes already here, and only when they
/// are used up is the socket read. While a reply is owed the socket is not read at all.
final class ServerFramingHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = [ServerEvent]
    typealias OutboundIn = ServerAction
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        case handshaking
        /// The last reply is written or being written; input is thrown away.
        case closing
    }

    private let limits: FramingLimits
    private let tlsContext: NIOSSLContext?
    /// Hears of a handshake that begins (false) and that is done (true).
    private let noteHandshake: (Bool) -> Void
    private var framing: ServerFraming
    private var clock: InputClock
    private var phase: Phase
    private var wantsEvents = false
    private var hasInputEnded = false
    private var hasReportedEnd = false
    private var isDraining = false
    private var lingered = 0
    private var inputDeadline: LazyDeadline?
    private var outputDeadline: LazyDeadline?

    /// - Parameter isHandshaking: a TLS handler stands before this one from the first byte.
    init(
        limits: FramingLimits,
        tlsContext: NIOSSLContext?,
        isHandshaking: Bool,
        noteHandshake: @escaping (Bool) -> Void = { _ in }
    ) {
        self.noteHandshake = noteHandshake
        self.limits = limits
        self.tlsContext = tlsContext
        self.framing = ServerFraming(maxDiscardedLineBytes: limits.maxDiscardedLineBytes)
        self.clock = InputClock(limits)
        self.phase = isHandshaking ? .handshaking : .open
    }

    func handlerAdded(context: ChannelHandlerContext) {
        inputDeadline = LazyDeadline(on: context.eventLoop) { self.inputExpired(context) }
        outputDeadline = LazyDeadline(on: context.eventLoop) { context.close(promise: nil) }
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard phase == .handshaking else { return }
        noteHandshake(false)
        inputDeadline?.set(.now() + TimeAmount(limits.handshakeTimeout))
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancelDeadlines() }

    func channelInactive(context: ChannelHandlerContext) {
        cancelDeadlines()
        framing.stop()
        context.fireChannelInactive()
    }

    private func cancelDeadlines() {
        inputDeadline?.cancel()
        outputDeadline?.cancel()
        inputDeadline = nil
        outputDeadline = nil
    }

    // MARK: - Input

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        guard phase != .closing else {
            lingered += bytes.readableBytes
            if lingered > 1 << 20 { context.close(promise: nil) }
            return
        }
        if framing.isInContent { clock.contentArrived(bytes.readableBytes) }
        framing.receive(bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if phase == .closing {
            context.read()
        } else {
            deliver(context)
        }
    }

    func read(context: ChannelHandlerContext) {
        guard phase == .open else {
            context.read()
            return
        }
        wantsEvents = true
        deliver(context)
    }

    /// Gives the session its next batch if it wants one; reads the socket if there is none to give.
    private func deliver(_ context: ChannelHandlerContext) {
        guard phase == .open, wantsEvents else { return }
        var batch: [ServerEvent] = []
        while batch.count < limits.maxBatch, let event = framing.next() { batch.append(event) }
        if isDraining, batch.isEmpty, !framing.isInContent, !framing.isAwaitingReply, !framing.isStopped {
            isDraining = false
            batch.append(.shutdownRequested)
        }
        if !batch.isEmpty {
            emit(batch, context)
        } else if framing.isStopped || framing.isAwaitingReply {
            inputDeadline?.clear()
        } else if hasInputEnded {
            reportEnd(context)
        } else {
            inputDeadline?.set(clock.deadline(at: .now(), isInContent: framing.isInContent))
            context.read()
        }
    }

    private func emit(_ batch: [ServerEvent], _ context: ChannelHandlerContext) {
        wantsEvents = false
        inputDeadline?.clear()
        clock.delivered(at: .now(), isInContent: framing.isInContent)
        context.fireChannelRead(Self.wrapInboundOut(batch))
        context.fireChannelReadComplete()
        // Asks whether the session wants yet more; it answers through `read`.
        context.channel.read()
    }

    private func reportEnd(_ context: ChannelHandlerContext) {
        guard !hasReportedEnd else { return }
        hasReportedEnd = true
        inputDeadline?.clear()
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func inputExpired(_ context: ChannelHandlerContext) {
        switch phase {
        case .open:
            framing.stop()
            emit([.timedOut], context)
        case .handshaking, .closing: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            hasInputEnded = true
            if phase == .open { deliver(context) } else { context.close(promise: nil) }
        case TLSUserEvent.handshakeCompleted:
            let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
            phase = .open
            noteHandshake(true)
            let shown = handler?.peerCertificate.flatMap { try? $0.toDERBytes() }
            let version = TLSFacts.Version(handler?.tlsVersion)
            emit([.tlsEstablished(TLSFacts(version: version, chain: shown.map { [$0] } ?? []))], context)
        case is DrainRequest:
            isDraining = true
            deliver(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that just goes away without close_notify ends its input, which is reported on its own.
        if case .some(.uncleanShutdown) = error as? NIOSSLError { return }
        framing.stop()
        context.close(promise: nil)
    }

    // MARK: - Output

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let action = Self.unwrapOutboundIn(data)
        guard phase == .open else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch action.then {
        case .unchanged: send(action.bytes, context, promise)
        case .expect(let expected):
            send(action.bytes, context, promise)
            if let event = framing.resume(expected) { emit([event], context) } else { deliver(context) }
        case .startTLS: startTLS(action.bytes, context, promise)
        case .close: close(after: action.bytes, context, promise)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if phase != .closing { outputDeadline?.clear() }
        } else {
            outputDeadline?.set(.now() + TimeAmount(limits.writeTimeout))
        }
        context.fireChannelWritabilityChanged()
    }

    private func send(_ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        if bytes.readableBytes > 0 {
            context.writeAndFlush(Self.wrapOutboundOut(bytes), promise: promise)
        } else {
            promise?.succeed()
        }
    }

    private func startTLS(_ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        if let violation = framing.startTLS() {
            promise?.succeed()
            emit([violation], context)
            return
        }
        guard let tlsContext else {
            context.close(promise: promise)
            return
        }
        // The 220 passes the head of the pipeline before the TLS handler stands there.
        send(bytes, context, promise)
        phase = .handshaking
        noteHandshake(false)
        inputDeadline?.set(.now() + TimeAmount(limits.handshakeTimeout))
        do {
            try context.pipeline.syncOperations.addHandler(ServerTLS.handler(tlsContext), position: .first)
            context.read()
        } catch {
            context.close(promise: nil)
        }
    }

    /// Sends the last reply and closes.
    ///
    /// When the peer is still talking, reads on for a moment: closing a socket with unread input resets it, and the
    /// peer would never see the reply.
    private func close(after bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let isQuiet = framing.unparsedBytes == 0 && !framing.isInContent && !framing.isStopped
        phase = .closing
        framing.stop()
        inputDeadline?.clear()
        outputDeadline?.set(.now() + TimeAmount(limits.writeTimeout))
        promise?.succeed()
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            guard !isQuiet, !self.hasInputEnded, context.channel.isActive else {
                context.close(promise: nil)
                context.read()
                return
            }
            context.close(mode: .output, promise: nil)
            self.inputDeadline?.set(.now() + TimeAmount(self.limits.lingerTimeout))
            context.read()
        }
        context.writeAndFlush(Self.wrapOutboundOut(bytes), promise: written)
    }
}

/// Fired into the pipelines of live connections when the listener drains.
struct DrainRequest: Sendable {}
