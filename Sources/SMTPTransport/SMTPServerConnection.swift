// SPDX-License-Identifier: Apache-2.0

import NIOCore
package import Privacy
package import SMTPWire

/// One accepted connection, as its session sees it: events in, replies out.
///
/// Used by one task, which prefers the connection's event loop.
///
/// Replies gather until the session asks for the next event and none is here: the replies to commands that came in one
/// segment leave in one write (RFC 2920 §3.2).
package final class SMTPServerConnection {
    /// For log lines.
    package let id = SessionID()
    /// `nil` for a unix socket.
    package let remoteAddress: Sensitive<IPAddress>?
    /// The user at the other end of a unix socket; `nil` for TCP.
    package let peerUser: UInt32?
    /// Whether STARTTLS may be offered: a certificate is there, and TLS is not yet up.
    package var canStartTLS: Bool { hasTLSContext && tls == nil }
    /// The facts once TLS is up; set from the start on a connection that begins with TLS.
    package private(set) var tls: TLSFacts?

    private let hasTLSContext: Bool
    private let channel: any Channel
    private let handler: NIOLoopBound<SessionHandler>
    private var events: ArraySlice<ServerEvent> = []
    private var pending = ByteBuffer()
    private var pendingThen = ServerAction.Then.unchanged
    private var owesReply = false
    private var hasEnded = false
    private var isClosing = false

    init(_ accepted: AcceptedConnection, peerUser: UInt32? = nil) {
        remoteAddress = accepted.remoteAddress.map { Sensitive($0) }
        self.peerUser = peerUser
        hasTLSContext = accepted.hasTLSContext
        channel = accepted.channel
        handler = accepted.handler
    }

    /// The next event, after sending what is still to be sent; `nil` when the connection has ended or the task is cancelled.
    package func next() async -> ServerEvent? {
        while true {
            if let event = events.popFirst() {
                owesReply = SMTPServerConnection.stopsParsing(event)
                return event
            }
            guard !hasEnded else { return nil }
            await flush()
            guard let batch = await nextBatch() else {
                hasEnded = true
                return nil
            }
            events = batch[...]
        }
    }

    /// Adds a reply to what will be sent, and says what the client is expected to send next (which matters only after
    /// DATA, AUTH, an answer to a 334 and the end of content, where parsing has stopped).
    package func reply(_ reply: Reply, then expected: ExpectedInput = .commands) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(96)
        reply.encode(into: &bytes)
        pending.writeBytes(bytes)
        guard owesReply else { return }
        owesReply = false
        pendingThen = .expect(expected)
    }

    /// Several replies at once, such as LMTP's after the content.
    package func reply(_ replies: [Reply], then expected: ExpectedInput = .commands) {
        guard let last = replies.last else { return }
        var bytes: [UInt8] = []
        for reply in replies.dropLast() { reply.encode(into: &bytes) }
        pending.writeBytes(bytes)
        reply(last, then: expected)
    }

    /// Sends what is gathered now, without waiting for ``next()``; for before long work.
    package func flush() async {
        guard pending.readableBytes > 0 || pendingThen != .unchanged, !isClosing else { return }
        let then = pendingThen
        pendingThen = .unchanged
        await send(then)
    }

    /// Answers STARTTLS with 220 and brings TLS up.
    ///
    /// Afterwards the session must forget all it knew (RFC 3207 §4.2).
    ///
    /// - Returns: the facts, or `nil` when the connection is to be closed: the client went on in the clear or the handshake failed.
    package func startTLS(_ ready: Reply = .readyForTLS) async -> TLSFacts? {
        guard canStartTLS, owesReply, !hasEnded else { return nil }
        owesReply = false
        ready.encode(into: &pending)
        await send(.startTLS)
        guard let event = await next() else { return nil }
        switch event {
        case .tlsEstablished(let facts):
            tls = facts
            return facts
        case .violation(let violation):
            await close(violation.reply)
            return nil
        default: return nil
        }
    }

    /// Sends what is gathered and `reply`, closes, and returns when the connection is gone.
    ///
    /// Waits no longer than the write and linger time-outs allow.
    package func close(_ reply: Reply? = nil) async {
        guard !isClosing, !hasEnded else { return }
        isClosing = true
        reply?.encode(into: &pending)
        await send(.close)
        events = []
        while await nextBatch() != nil {}
        hasEnded = true
    }

    /// Waits for the handshake of a connection that begins with TLS.
    func awaitTLS() async -> Bool {
        guard case .tlsEstablished(let facts)? = await next() else { return false }
        tls = facts
        return true
    }

    private func send(_ then: ServerAction.Then) async {
        let action = ServerAction(bytes: pending, then: then)
        pending = ByteBuffer()
        await returnToLoop()
        if !handler.value.isWritable { await withCheckedContinuation { handler.value.awaitWritable($0) } }
        await returnToLoop()
        handler.value.send(action)
    }

    private func nextBatch() async -> [ServerEvent]? {
        await returnToLoop()
        if let batch = handler.value.takeBatch() { return batch }
        return await withCheckedContinuation { handler.value.awaitBatch($0) }
    }

    /// Work that was done elsewhere may have left the task on another thread.
    private func returnToLoop() async {
        let loop = channel.eventLoop
        guard !loop.inEventLoop else { return }
        await withCheckedContinuation { continuation in loop.execute { continuation.resume() } }
    }

    private static func stopsParsing(_ event: ServerEvent) -> Bool {
        switch event {
        case .command(.data), .command(.startTLS), .command(.auth), .command(.quit): true
        case .bodyEnd(last: true), .authLine, .authLineTooLong: true
        default: false
        }
    }
}

extension Reply {
    fileprivate func encode(into buffer: inout ByteBuffer) {
        buffer.writeBytes(encoded)
    }
}
