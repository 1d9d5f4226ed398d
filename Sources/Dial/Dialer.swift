// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
package import SMTPTransport
import SMTPWire

/// Opens client connections: tries addresses in order and returns the first that greets with 220.
package struct Dialer: Sendable {
    private let group: any EventLoopGroup

    package init(group: any EventLoopGroup) {
        self.group = group
    }

    /// Connects and reads the greeting (after the handshake, with implicit TLS).
    ///
    /// An address that cannot be reached, breaks off, or greets with a refusal is followed by the next; the error is the last one's.
    /// Cancelling closes what is half open.
    package func connect(to target: DialTarget, options: DialOptions = DialOptions()) async throws(DialError)
        -> SMTPClientConnection
    {
        try await first(target, options) { (place) async throws(DialError) in
            try await greet(try await open(place, options), options)
        }
    }

    /// Connects and says nothing yet; for callers that follow the conversation from its first word.
    ///
    /// As ``connect(to:options:)``, but neither the handshake of implicit TLS nor the greeting is waited for.
    package func open(_ target: DialTarget, options: DialOptions = DialOptions()) async throws(DialError)
        -> SMTPClientConnection
    {
        try await first(target, options) { (place) async throws(DialError) in try await open(place, options) }
    }

    /// The first place that gives a connection.
    private func first(
        _ target: DialTarget,
        _ options: DialOptions,
        _ attempt: (Place) async throws(DialError) -> SMTPClientConnection
    ) async throws(DialError) -> SMTPClientConnection {
        var last = DialError.noAddress
        for place in try places(target, options) {
            guard !Task.isCancelled else { throw .cancelled }
            do throws(DialError) {
                return try await attempt(place)
            } catch {
                if case .cancelled = error { throw error }
                last = error
            }
        }
        throw last
    }

    /// One address to connect to, and what a proxy there is to be asked for.
    private struct Place: Sendable {
        let address: SocketAddress
        var dialogue: SOCKSDialogue?
    }

    private func places(_ target: DialTarget, _ options: DialOptions) throws(DialError) -> [Place] {
        switch target {
        case .addresses(let list): return list.prefix(max(1, options.maxAddresses)).map { Place(address: $0) }
        case .unixSocket(let path):
            guard let address = try? SocketAddress(unixDomainSocketPath: path) else { throw .noAddress }
            return [Place(address: address)]
        case .proxied(let proxy, let host, let port):
            do throws(SOCKSFailure) {
                let dialogue = try SOCKSDialogue(host: host, port: port, signIn: proxy.signIn)
                return [Place(address: proxy.address, dialogue: dialogue)]
            } catch {
                throw .proxy(error)
            }
        }
    }

    private func open(_ place: Place, _ options: DialOptions) async throws(DialError) -> SMTPClientConnection {
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(.nanoseconds(max(1, options.connectTimeout.nanoseconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16_384))
        let timeout = TimeAmount.nanoseconds(max(1, options.proxyTimeout.nanoseconds))
        do {
            let opened = try await bootstrap.connect(to: place.address) { channel in
                Self.prepare(channel, place.dialogue, timeout, options)
            }
            if let outcome = opened.proxied { try await Self.wait(for: outcome, on: opened.connection) }
            return opened.connection
        } catch let error as SOCKSFailure {
            throw Task.isCancelled ? .cancelled : .proxy(error)
        } catch let error as IOError {
            throw .cannotConnect(errno: error.errnoCode)
        } catch let error as ChannelError {
            if case .connectTimeout = error { throw .connectTimedOut }
            throw .broken(.lost(.connect))
        } catch {
            throw .broken(.lost(.connect))
        }
    }

    private struct Opened: Sendable {
        let connection: SMTPClientConnection
        /// What comes of the talk with the proxy.
        let proxied: EventLoopFuture<Void>?
    }

    private static func prepare(
        _ channel: any Channel,
        _ dialogue: SOCKSDialogue?,
        _ timeout: TimeAmount,
        _ options: DialOptions
    ) -> EventLoopFuture<Opened> {
        let made = SMTPClientConnection.make(
            channel,
            dialect: options.dialect,
            timeouts: options.timeouts,
            tap: options.tap
        )
        return made.flatMapThrowing { connection in
            guard let dialogue else { return Opened(connection: connection, proxied: nil) }
            let outcome = channel.eventLoop.makePromise(of: Void.self)
            let handler = SOCKSHandler(dialogue, timeout: timeout, outcome: outcome)
            do {
                try channel.pipeline.syncOperations.addHandler(handler, position: .first)
            } catch {
                outcome.fail(error)
                throw error
            }
            return Opened(connection: connection, proxied: outcome.futureResult)
        }
    }

    private static func wait(for outcome: EventLoopFuture<Void>, on connection: SMTPClientConnection) async throws {
        try await withTaskCancellationHandler {
            try await outcome.get()
        } onCancel: {
            connection.close()
        }
    }

    private func greet(_ connection: SMTPClientConnection, _ options: DialOptions) async throws(DialError)
        -> SMTPClientConnection
    {
        let greeting: RemoteReply
        do throws(ClientError) {
            if let tls = options.implicitTLS { try await connection.handshake(tls) }
            greeting = try await connection.readGreeting()
        } catch {
            connection.close()
            if case .cancelled = error { throw .cancelled }
            throw .broken(error)
        }
        guard greeting.code == 220 else {
            await connection.quit()
            throw .refused(greeting)
        }
        return connection
    }
}

extension Duration {
    /// Clamped to what fits.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return min(max(seconds, 0), 1_000_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
