// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The session's end of its connection's pipeline: batches of events in, actions out.
///
/// Belongs to the event loop, and so does the session's task: a batch goes straight to the task that waits for it, and an
/// action straight into the pipeline. (`NIOAsyncChannel` does the same for tasks that may run anywhere, at several times
/// the price.)
final class SessionHandler: ChannelDuplexHandler {
    typealias InboundIn = [ServerEvent]
    typealias OutboundIn = Never
    typealias OutboundOut = ServerAction

    private var context: ChannelHandlerContext?
    /// What came while the session was busy; one batch at most is read ahead.
    private var batches: [[ServerEvent]] = []
    /// The channel wanted to read, and was told to wait for the session.
    private var owesRead = false
    private var hasInputEnded = false
    private var reader: CheckedContinuation<[ServerEvent]?, Never>?
    private var writer: CheckedContinuation<Void, Never>?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        endInput()
        endWait()
    }

    // MARK: - For the session

    /// The next batch if it is here.
    func takeBatch() -> [ServerEvent]? {
        guard !batches.isEmpty else { return nil }
        let batch = batches.removeFirst()
        if owesRead, batches.isEmpty {
            owesRead = false
            context?.read()
        }
        return batch
    }

    /// Hands the next batch to `continuation`; `nil` when none will come.
    func awaitBatch(_ continuation: CheckedContinuation<[ServerEvent]?, Never>) {
        if let batch = takeBatch() {
            continuation.resume(returning: batch)
        } else if hasInputEnded {
            continuation.resume(returning: nil)
        } else {
            reader = continuation
        }
    }

    /// Whether the channel takes more bytes now; one that is closed takes them and throws them away.
    var isWritable: Bool { context?.channel.isWritable ?? true }

    /// Waits until the client has taken enough of what it was sent, or is gone.
    func awaitWritable(_ continuation: CheckedContinuation<Void, Never>) {
        if isWritable { continuation.resume() } else { writer = continuation }
    }

    func send(_ action: ServerAction) { context?.write(Self.wrapOutboundOut(action), promise: nil) }

    // MARK: - From the channel

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let batch = Self.unwrapInboundIn(data)
        guard let reader else {
            batches.append(batch)
            return
        }
        self.reader = nil
        reader.resume(returning: batch)
    }

    func read(context: ChannelHandlerContext) {
        if batches.isEmpty { context.read() } else { owesRead = true }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { endInput() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { endWait() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        endInput()
        endWait()
        context.fireChannelInactive()
    }

    private func endInput() {
        hasInputEnded = true
        reader?.resume(returning: nil)
        reader = nil
    }

    private func endWait() {
        writer?.resume()
        writer = nil
    }
}
