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
        let addresses: [SocketAddress]
        switch target {
        case .addresses(let list): addresses = Array(list.prefix(max(1, options.maxAddresses)))
        case .unixSocket(let path):
            guard let address = try? SocketAddress(unixDomainSocketPath: path) else { throw .noAddress }
            addresses = [address]
        }
        var last = DialError.noAddress
        for address in addresses {
            guard !Task.isCancelled else { throw .cancelled }
            do throws(DialError) {
                return try await greet(try await open(address, options), options)
            } catch {
                if case .cancelled = error { throw error }
                last = error
            }
        }
        throw last
    }

    private func open(_ address: SocketAddress, _ options: DialOptions) async throws(DialError) -> SMTPClientConnection
    {
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(.nanoseconds(max(1, options.connectTimeout.nanoseconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16_384))
        do {
            return try await bootstrap.connect(to: address) { channel in
                SMTPClientConnection.make(channel, dialect: options.dialect, timeouts: options.timeouts)
            }
        } catch let error as IOError {
            throw .cannotConnect(errno: error.errnoCode)
        } catch let error as ChannelError {
            if case .connectTimeout = error { throw .connectTimedOut }
            throw .broken(.lost(.connect))
        } catch {
            throw .broken(.lost(.connect))
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
