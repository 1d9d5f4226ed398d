// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPTransport
import SMTPWire
import Settings

/// Brings a connection up to the point where mail can be sent: connect, greeting, EHLO, TLS as the peer's channel demands, sign-in.
struct HopConnector: Sendable {
    let options: DeliveryOptions
    let dialer: HopDialer
    let slow: SlowHosts
    let guidance: ChannelGuidance
    let time: Time

    /// So many places of one peer are tried.
    private static let maxPlaces = 6

    /// Tries the peer's places in turn.
    ///
    /// A place that lately let a connection time out is skipped; when that leaves none, this fails without waiting for it again.
    func open(_ peer: Peer) async throws(ConversationFault) -> ReadyConnection {
        var last = ConversationFault(.init(.noAnswerFromHost, .unreachable, host: Sensitive(peer.name)))
        for place in peer.places.prefix(HopConnector.maxPlaces) where !slow.contains(place.key) {
            do throws(ConversationFault) {
                return try await open(peer, at: place)
            } catch {
                if error.isSlow { slow.note(place.key) }
                last = error
                if Task.isCancelled || error.fault.cause == .authenticationFailed { throw error }
            }
        }
        throw last
    }

    private func open(_ peer: Peer, at place: Peer.Place) async throws(ConversationFault) -> ReadyConnection {
        switch peer.channel {
        case .required(let channel): return try await ChannelOpening(self, peer, channel).open(at: place)
        case .configured(let security, _):
            do throws(ConversationFault) {
                return try await converse(peer, at: place, security)
            } catch {
                guard error.isTLSFailure, security == .opportunistic, guidance.level < 3 else {
                    throw error
                }
                return try await converse(peer, at: place, .off)
            }
        }
    }

    // MARK: - A server of the operator's choice

    private func converse(
        _ peer: Peer,
        at place: Peer.Place,
        _ security: NextHop.ChannelSecurity
    ) async throws(ConversationFault) -> ReadyConnection {
        let host = Sensitive(peer.name)
        let connection = try await dialer.connect(peer, at: place)
        do throws(ConversationFault) {
            try await hello(connection, host)
            if security != .off { try await secure(connection, peer, security, host) }
            try await signIn(connection, peer, host)
            return ReadyConnection(
                connection: connection,
                peer: peer.key,
                extensions: await connection.extensions,
                host: host,
                isTrusted: await connection.tls.map { $0.isVerified || peer.isLocal } ?? false
            )
        } catch {
            connection.close()
            throw error
        }
    }

    private func secure(
        _ connection: SMTPClientConnection,
        _ peer: Peer,
        _ security: NextHop.ChannelSecurity,
        _ host: Sensitive<String>
    ) async throws(ConversationFault) {
        guard await connection.extensions.startTLS else {
            if security == .verify {
                throw ConversationFault(.init(.encryptionRequired, .tlsRequired, host: host))
            }
            return
        }
        let tls = try dialer.tls(for: peer)
        let refusal = try await translate(host) { () async throws(ClientError) in try await connection.startTLS(tls) }
        if let refusal {
            guard security == .verify else { return }
            throw ConversationFault(.init(.encryptionRequired, .tlsRequired, reply: refusal, host: host))
        }
        try await hello(connection, host)
    }

    /// Credentials leave only on a channel whose other end has proven who it is.
    private func signIn(
        _ connection: SMTPClientConnection,
        _ peer: Peer,
        _ host: Sensitive<String>
    ) async throws(ConversationFault) {
        guard let credentials = peer.credentials else { return }
        guard await connection.tls?.isVerified == true else {
            throw ConversationFault(.init(.encryptionRequired, .tlsRequired, host: host))
        }
        guard let password = await dialer.password(credentials) else {
            throw ConversationFault(.init(.badCredentials, .authenticationFailed, host: host))
        }
        let reply = try await translate(host) { () async throws(ClientError) in
            try await connection.authenticate(username: credentials.username, password: password)
        }
        guard reply.isSuccess else {
            // Even a 535 is our own mistake and not the sender's: it waits until the operator has mended it.
            throw ConversationFault(.init(.badCredentials, .authenticationFailed, reply: reply, host: host))
        }
    }

    // MARK: - For any server

    func hello(_ connection: SMTPClientConnection, _ host: Sensitive<String>) async throws(ConversationFault) {
        let name = options.hostname
        let reply = try await translate(host) { () async throws(ClientError) in try await connection.hello(name) }
        guard reply.isSuccess else { throw ConversationFault(refusal: reply, host: host) }
    }

    private func translate<Value: Sendable>(
        _ host: Sensitive<String>,
        _ body: () async throws(ClientError) -> Value
    ) async throws(ConversationFault) -> Value {
        do throws(ClientError) {
            return try await body()
        } catch {
            throw ConversationFault(error, host: host)
        }
    }
}

extension Peer.Place {
    /// By what a slow place is remembered.
    var key: String {
        switch self {
        case .address(let address, let port): "\(address.text) \(port)"
        case .host(let name, let port): "\(name.lowercased()) \(port)"
        case .unix(let path): path
        }
    }
}
