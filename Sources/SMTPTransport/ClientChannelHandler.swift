// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import NIOTLS
import SMTPWire

/// The client's framing: replies in, bytes out, one waiter at a time.
///
/// Belongs to the connection's event loop, as its owner does.
///
/// Not a `NIOAsyncChannel`, because a connection outlives the task that opened it: it waits in a pool for the next message.
final class ClientChannelHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Waiter {
        case replies(count: Int, CheckedContinuation<[RemoteReply], any Error>)
        case writable(CheckedContinuation<Void, any Error>)
        case handshake(CheckedContinuation<TLSFacts, any Error>)
    }

    private var parser = ReplyParser()
    private var replies: [RemoteReply] = []
    private var waiter: Waiter?
    private var stage = ClientStage.greeting
    private var failure: ClientError?
    private var deadline: LazyDeadline?
    private var context: ChannelHandlerContext?
    private var isHandshaking = false
    private var isVerifying = false
    private var chain: [[UInt8]] = []
    private var watcher: HelloWatcher?
    /// What was seen of a handshake that is over, whether it succeeded or not.
    var hellos: HelloRecord? { watcher?.record }
    private var waitNumber = 0

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        deadline = LazyDeadline(on: context.eventLoop) {
            self.fail(self.isHandshaking ? .tlsFailed(.timedOut) : .timedOut(self.stage))
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        fail(.lost(stage))
        deadline?.cancel()
        deadline = nil
        self.context = nil
    }

    // MARK: - For the connection

    /// Whether the connection can be used, and nothing came unasked.
    var isUsable: Bool {
        failure == nil && replies.isEmpty && !parser.hasUnfinishedBytes && context?.channel.isActive == true
    }

    /// Replies that are here already and belong to nobody yet.
    func takeReplies() -> [RemoteReply] {
        defer { replies = [] }
        return replies
    }

    func send(_ bytes: ByteBuffer) {
        context?.writeAndFlush(Self.wrapOutboundOut(bytes), promise: nil)
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// The next `count` replies, if they are here.
    func repliesNow(_ count: Int, at stage: ClientStage) -> [RemoteReply]? {
        self.stage = stage
        guard replies.count >= count else { return nil }
        defer { replies.removeFirst(count) }
        return Array(replies.prefix(count))
    }

    /// Hands the next `count` replies to `continuation`.
    func awaitReplies(
        _ count: Int,
        within timeout: Duration,
        _ continuation: CheckedContinuation<[RemoteReply], any Error>
    ) {
        begin(.replies(count: count, continuation), timeout)
        satisfyReplies()
    }

    /// Resumes `continuation` when what was written has left but for a little.
    func awaitWritable(
        at stage: ClientStage,
        within timeout: Duration,
        _ continuation: CheckedContinuation<Void, any Error>
    ) {
        self.stage = stage
        begin(.writable(continuation), timeout)
        satisfyWritable()
    }

    /// Puts TLS at the head of the pipeline.
    func addTLS(_ tls: ClientTLS) throws {
        stage = .handshake
        guard let context, isUsable else { throw failure ?? ClientError.unexpectedReply(.startTLS) }
        let handler: NIOSSLClientHandler
        switch tls.verification {
        case .byContext:
            isVerifying = true
            handler = try NIOSSLClientHandler(context: tls.context, serverHostname: tls.serverName)
        case .acceptAny:
            handler = try NIOSSLClientHandler(
                context: tls.context,
                serverHostname: tls.serverName,
                customVerificationCallback: { certificates, promise in
                    self.chain = certificates.compactMap { try? $0.toDERBytes() }
                    promise.succeed(.certificateVerified)
                }
            )
        }
        let watcher = HelloWatcher()
        self.watcher = watcher
        isHandshaking = true
        try context.pipeline.syncOperations.addHandler(watcher, position: .first)
        try context.pipeline.syncOperations.addHandler(handler, position: .after(watcher))
    }

    /// Hands what the handshake came to to `continuation`.
    func awaitHandshake(within timeout: Duration, _ continuation: CheckedContinuation<TLSFacts, any Error>) {
        begin(.handshake(continuation), timeout)
        satisfyHandshake()
    }

    /// The task that waits for `number` was cancelled: the connection ends, unless that wait is over.
    func cancelWait(_ number: Int) {
        if waiter != nil, number == waitNumber { fail(.cancelled(stage)) }
    }

    /// What the next wait will be known by.
    var nextWait: Int { waitNumber &+ 1 }

    private func begin(_ next: Waiter, _ timeout: Duration) {
        context?.eventLoop.assertInEventLoop()
        waitNumber &+= 1
        if let failure {
            // A connection that went away is missed where the next thing is awaited.
            if case .lost = failure {
                ClientChannelHandler.resume(next, throwing: .lost(stage))
            } else {
                ClientChannelHandler.resume(next, throwing: failure)
            }
        } else if waiter != nil || context == nil {
            ClientChannelHandler.resume(next, throwing: ClientError.notPossible(stage))
        } else {
            waiter = next
            deadline?.set(.now() + TimeAmount(timeout))
        }
    }

    // MARK: - From the channel

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard failure == nil else { return }
        parser.append(Self.unwrapInboundIn(data).readableBytesView)
        do throws(ReplyError) {
            while let reply = try parser.next() {
                guard replies.count < 4096 else {
                    fail(.unexpectedReply(stage))
                    return
                }
                replies.append(reply)
            }
        } catch {
            fail(.malformedReply(error, stage))
            return
        }
        satisfyReplies()
    }

    private func satisfyReplies() {
        guard case .replies(let count, let continuation) = waiter, replies.count >= count else { return }
        waiter = nil
        deadline?.clear()
        let taken = Array(replies.prefix(count))
        replies.removeFirst(count)
        continuation.resume(returning: taken)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        satisfyWritable()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted:
            isHandshaking = false
            if let watcher { context.pipeline.syncOperations.removeHandler(watcher, promise: nil) }
            satisfyHandshake()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func satisfyWritable() {
        guard case .writable(let continuation) = waiter, isWritable else { return }
        waiter = nil
        deadline?.clear()
        continuation.resume()
    }

    private func satisfyHandshake() {
        guard case .handshake(let continuation) = waiter, !isHandshaking else { return }
        waiter = nil
        deadline?.clear()
        continuation.resume(returning: facts())
    }

    private func facts() -> TLSFacts {
        let handler = try? context?.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
        if chain.isEmpty, let leaf = try? handler?.peerCertificate?.toDERBytes() { chain = [leaf] }
        let choice = hellos?.choice
        return TLSFacts(
            version: TLSFacts.Version(handler?.tlsVersion),
            cipher: choice.map { TLSNames.cipher($0.cipher) },
            group: choice?.group.map(TLSNames.group),
            isVerified: isVerifying,
            chain: chain
        )
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(isHandshaking ? .tlsFailed(TLSFailure(error)) : .lost(stage))
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(isHandshaking ? .tlsFailed(.closed) : .lost(stage))
        context.fireChannelInactive()
    }

    private func fail(_ error: ClientError) {
        guard failure == nil else { return }
        failure = error
        deadline?.clear()
        context?.close(promise: nil)
        if let waiting = waiter {
            waiter = nil
            ClientChannelHandler.resume(waiting, throwing: error)
        }
    }

    private static func resume(_ waiter: Waiter, throwing error: ClientError) {
        switch waiter {
        case .replies(_, let continuation): continuation.resume(throwing: error)
        case .writable(let continuation): continuation.resume(throwing: error)
        case .handshake(let continuation): continuation.resume(throwing: error)
        }
    }
}
