// SPDX-License-Identifier: Apache-2.0

package import Mail
package import NIOCore
package import SMTPWire

/// A connection to another server, SMTP or LMTP. Runs on its event loop; used for one thing at a time, by any task.
///
/// Order of use: ``readGreeting()``, ``hello(_:)``, if wanted ``startTLS(_:)`` and ``hello(_:)`` again, ``authenticate(username:password:)``, then any number of
/// ``send(_:content:)``, and ``quit()``. Cancelling the task that waits closes the connection.
package actor SMTPClientConnection {
    package enum Dialect: Sendable, Hashable {
        case smtp
        /// RFC 2033: LHLO, and a reply for each recipient after the content.
        case lmtp
    }

    package nonisolated let dialect: Dialect
    package nonisolated let channel: any Channel
    package nonisolated let timeouts: ClientTimeouts
    /// What the last EHLO or LHLO offered; nothing after HELO.
    package private(set) var extensions = ServerExtensions()
    /// Set once TLS is up.
    package private(set) var tls: TLSFacts?
    /// What was said in clear while TLS was brought up, also when that failed; nil before.
    package private(set) var hellos: HelloRecord?
    /// Messages that this connection has carried.
    package private(set) var transactions = 0

    private let bound: NIOLoopBound<ClientChannelHandler>
    /// A transaction was left open and RSET goes before the next one.
    var needsReset = false
    var isBroken = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        channel.eventLoop.executor.asUnownedSerialExecutor()
    }

    private init(channel: any Channel, handler: ClientChannelHandler, dialect: Dialect, timeouts: ClientTimeouts) {
        self.channel = channel
        self.dialect = dialect
        self.timeouts = timeouts
        self.bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Sets up a client channel; for the bootstrap's channel initializer, so that not even a reply that comes with the connection
    /// is missed.
    package static func make(
        _ channel: any Channel,
        dialect: Dialect = .smtp,
        timeouts: ClientTimeouts = ClientTimeouts(),
        tap: ConversationTap? = nil
    ) -> EventLoopFuture<SMTPClientConnection> {
        channel.eventLoop.makeCompletedFuture {
            let handler = ClientChannelHandler()
            // TLS comes to stand before it, so it sees what is said inside.
            if let tap { try channel.pipeline.syncOperations.addHandler(ConversationTapHandler(tap)) }
            try channel.pipeline.syncOperations.addHandler(handler)
            return SMTPClientConnection(channel: channel, handler: handler, dialect: dialect, timeouts: timeouts)
        }
    }

    var handler: ClientChannelHandler { bound.value }

    // MARK: - Conversation

    /// Whether a next transaction may be tried on this connection.
    package var isUsable: Bool { !isBroken && handler.isUsable }

    /// The server's first reply: 220, or a refusal.
    package func readGreeting() async throws(ClientError) -> RemoteReply {
        try await replies(1, .greeting, timeouts.greeting)[0]
    }

    /// Says EHLO (LHLO with LMTP); an SMTP server that does not know it (5yz) gets HELO.
    ///
    /// ``extensions`` tells what was offered.
    package func hello(_ name: Domain) async throws(ClientError) -> RemoteReply {
        extensions = ServerExtensions()
        let reply = try await command(
            dialect == .lmtp ? "LHLO \(name.key)" : "EHLO \(name.key)",
            .hello,
            timeouts.command
        )
        if reply.isSuccess {
            extensions = ServerExtensions(reply)
        } else if reply.isPermanentFailure, reply.code != 554, dialect == .smtp {
            return try await command("HELO \(name.key)", .hello, timeouts.command)
        }
        return reply
    }

    /// STARTTLS and the handshake.
    ///
    /// What was offered in the clear is forgotten: say ``hello(_:)`` again.
    ///
    /// - Returns: the reply, when the server refuses; `nil` when TLS is up.
    /// - Throws: ``ClientError/unexpectedReply(_:)`` when anything follows the 220 in the clear.
    package func startTLS(_ tls: ClientTLS) async throws(ClientError) -> RemoteReply? {
        guard self.tls == nil else { throw .notPossible(.startTLS) }
        let reply = try await command("STARTTLS", .startTLS, timeouts.command)
        guard reply.code == 220 else { return reply }
        guard handler.isUsable else {
            abandon()
            throw .unexpectedReply(.startTLS)
        }
        try await handshake(tls)
        return nil
    }

    /// The handshake of a port where TLS comes first; before ``readGreeting()``.
    package func handshake(_ tls: ClientTLS) async throws(ClientError) {
        extensions = ServerExtensions()
        do {
            self.tls = try await bringUp(tls)
            hellos = handler.hellos
        } catch {
            hellos = handler.hellos
            abandon()
            throw error as? ClientError ?? .tlsFailed(.malformed)
        }
    }

    /// Signs in with PLAIN, or LOGIN where only that is offered (RFC 4954).
    ///
    /// Refuses to without TLS.
    ///
    /// - Parameter mechanisms: those of the two that may be used.
    package func authenticate(
        username: String,
        password: String,
        mechanisms: Set<String> = ["PLAIN", "LOGIN"]
    ) async throws(ClientError) -> RemoteReply {
        guard tls != nil else { throw .notPossible(.auth) }
        let mechanisms = mechanisms.intersection(extensions.authMechanisms)
        if mechanisms.contains("PLAIN") {
            let response = Base64.encode([0] + Array(username.utf8) + [0] + Array(password.utf8))
            return try await command("AUTH PLAIN " + String(decoding: response, as: UTF8.self), .auth, timeouts.command)
        }
        guard mechanisms.contains("LOGIN") else { throw .notPossible(.auth) }
        var reply = try await command("AUTH LOGIN", .auth, timeouts.command)
        for answer in [username, password] {
            guard reply.code == 334 else { return reply }
            reply = try await command(
                String(decoding: Base64.encode(Array(answer.utf8)), as: UTF8.self),
                .auth,
                timeouts.command
            )
        }
        return reply
    }

    /// MAIL and RCPT with nothing sent, then RSET: whether the other side would take mail for `recipient` (a call-ahead).
    package func probe(_ recipient: EmailAddress, from reversePath: ReversePath = .null) async throws(ClientError)
        -> RemoteReply
    {
        let envelope = ClientEnvelope(reversePath: reversePath, recipients: [.init(recipient)])
        let outgoing = OutgoingEnvelope(envelope, size: 0, extensions: extensions)
        guard let mailLine = outgoing.mail, let rcptLine = outgoing.rcpts.first?.line else { throw .notPossible(.rcpt) }
        let mail = try await command(String(mailLine.dropLast()), .mail, timeouts.mail)
        // A refusal of the null sender says nothing about the recipient.
        guard mail.isSuccess else { throw .notPossible(.mail) }
        needsReset = true
        return try await command(String(rcptLine.dropLast()), .rcpt, timeouts.rcpt)
    }

    /// One command line of the caller's own making and its reply, for tools that go step by step.
    package func say(_ line: String, at stage: ClientStage) async throws(ClientError) -> RemoteReply {
        try await command(line, stage, timeouts.command)
    }

    package func reset() async throws(ClientError) -> RemoteReply {
        let reply = try await command("RSET", .reset, timeouts.command)
        needsReset = false
        return reply
    }

    package func noop() async throws(ClientError) -> RemoteReply {
        try await command("NOOP", .reset, timeouts.command)
    }

    /// Says goodbye and closes, whatever the answer.
    package func quit() async {
        if isUsable { _ = try? await command("QUIT", .reset, timeouts.quit) }
        abandon()
    }

    /// Closes at once.
    package nonisolated func close() { channel.close(promise: nil) }

    // MARK: - Parts

    func abandon() {
        isBroken = true
        channel.close(promise: nil)
    }

    func countTransaction() { transactions += 1 }

    func replies(_ count: Int, _ stage: ClientStage, _ timeout: Duration) async throws(ClientError) -> [RemoteReply] {
        do {
            return try await awaitReplies(count, stage, timeout)
        } catch {
            abandon()
            throw error as? ClientError ?? .lost(stage)
        }
    }

    // The three waits. They stay in the actor, because a closure that a plain function hands to the continuation and cancellation
    // functions would leave the event loop.

    func awaitReplies(_ count: Int, _ stage: ClientStage, _ timeout: Duration) async throws -> [RemoteReply] {
        if let replies = handler.repliesNow(count, at: stage) { return replies }
        let number = handler.nextWait
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { handler.awaitReplies(count, within: timeout, $0) }
        } onCancel: {
            cancelWait(number)
        }
    }

    func awaitWritable(_ stage: ClientStage) async throws {
        guard !handler.isWritable else { return }
        let number = handler.nextWait
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { handler.awaitWritable(at: stage, within: timeouts.block, $0) }
        } onCancel: {
            cancelWait(number)
        }
    }

    private func bringUp(_ tls: ClientTLS) async throws -> TLSFacts {
        try handler.addTLS(tls)
        let number = handler.nextWait
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { handler.awaitHandshake(within: timeouts.tlsHandshake, $0) }
        } onCancel: {
            cancelWait(number)
        }
    }

    private nonisolated func cancelWait(_ number: Int) {
        channel.eventLoop.execute { self.assumeIsolated { $0.handler.cancelWait(number) } }
    }

    /// One command and its reply.
    ///
    /// A RSET that is owed goes first, in the same write when the server pipelines.
    private func command(_ line: String, _ stage: ClientStage, _ timeout: Duration) async throws(ClientError)
        -> RemoteReply
    {
        guard !isBroken, !line.utf8.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) else {
            throw .notPossible(stage)
        }
        if needsReset, stage == .mail { _ = try await reset() }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(line.utf8.count + 2)
        bytes.writeString(line)
        bytes.writeString("\r\n")
        handler.send(bytes)
        return try await replies(1, stage, timeout)[0]
    }
}
