// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Dial
import Mail
import NIOCore
import NIOPosix
import Privacy
import SMTPTransport
import SMTPWire
import Settings

/// Connects to a peer's places and has what proves a channel: TLS contexts and passwords.
struct HopDialer: Sendable {
    private let dialer: Dialer
    private let contexts = ClientTLSContexts()
    private let dialOptions: DialOptions
    private let threads: NIOThreadPool
    private let identity: @Sendable () -> ClientIdentity?

    init(
        options: DeliveryOptions,
        identity: @escaping @Sendable () -> ClientIdentity?,
        group: any EventLoopGroup,
        threads: NIOThreadPool = .singleton
    ) {
        self.identity = identity
        self.dialer = Dialer(group: group)
        self.dialOptions = DialOptions(connectTimeout: options.connectTimeout, timeouts: options.timeouts)
        self.threads = threads
    }

    /// Connects and reads the greeting.
    func connect(_ peer: Peer, at place: Peer.Place) async throws(ConversationFault) -> SMTPClientConnection {
        let host = Sensitive(peer.name)
        var options = dialOptions
        options.dialect = peer.dialect
        let target: DialTarget
        switch place {
        case .address(let address, let port): target = .addresses([try socketAddress(address, port, host)])
        case .unix(let path): target = .unixSocket(path: path)
        case .host(let name, let port):
            let addresses = await SystemHosts.addresses(of: name, on: threads)
            guard !addresses.isEmpty else {
                throw ConversationFault(.init(.directoryFailure, .nameServiceFailed, host: host))
            }
            var list: [SocketAddress] = []
            for address in addresses { list.append(try socketAddress(address, port, host)) }
            target = .addresses(list)
        }
        do throws(DialError) {
            return try await dialer.connect(to: target, options: options)
        } catch {
            throw ConversationFault(error, host: host)
        }
    }

    /// What STARTTLS with this peer has to prove.
    func tls(for peer: Peer) throws(ConversationFault) -> ClientTLS {
        let policy: TLSPolicy =
            switch peer.channel {
            case .configured(.verify, let caFile): .verify(hostname: peer.name, extraRoots: caFile)
            case .configured: .examined(serverName: peer.name)
            case .required(let channel):
                // Whoever is pinned may ask for our pins too; nobody else learns from a certificate who we are.
                .examined(serverName: channel.serverName, identity: channel.rule == .pins ? identity() : nil)
            }
        do throws(ClientTLSContexts.Failure) {
            return try contexts.tls(for: policy)
        } catch {
            throw ConversationFault(.init(.cryptographicFailure, .tlsFailed, host: Sensitive(peer.name)))
        }
    }

    /// The first line of the password file; nil when it cannot be read.
    func password(_ credentials: NextHop.Credentials) async -> String? {
        try? await threads.runIfActive { SecretLine.read(credentials.passwordFile) } ?? nil
    }

    private func socketAddress(
        _ address: IPAddress,
        _ port: Int,
        _ host: Sensitive<String>
    ) throws(ConversationFault) -> SocketAddress {
        do {
            return try SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: port)
        } catch {
            throw ConversationFault(.init(.noAnswerFromHost, .unreachable, host: host))
        }
    }
}

extension ConversationFault {
    init(_ error: DialError, host: Sensitive<String>) {
        switch error {
        case .refused(let reply): self.init(refusal: reply, host: host)
        case .broken(let broken): self.init(broken, host: host)
        case .noAddress, .cannotConnect, .proxy: self.init(.init(.noAnswerFromHost, .unreachable, host: host))
        case .connectTimedOut:
            self.init(.init(.noAnswerFromHost, .timedOut, host: host))
            self.isSlow = true
        case .cancelled: self.init(.init(.badConnection, .cancelled, host: host))
        }
    }
}
