// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
import Privacy
import SMTPTransport
import SMTPWire

/// Opens the channel to an MX host exactly as it was decided before, or not at all.
struct ChannelOpening: Sendable {
    private let connector: HopConnector
    private let peer: Peer
    private let channel: RequiredChannel
    private let host: Sensitive<String>

    init(_ connector: HopConnector, _ peer: Peer, _ channel: RequiredChannel) {
        self.connector = connector
        self.peer = peer
        self.channel = channel
        self.host = Sensitive(peer.name)
    }

    func open(at place: Peer.Place) async throws(ConversationFault) -> ReadyConnection {
        if let ready = try await connect(at: place, tries: true) { return ready }
        // The handshake failed and the channel allows another try in clear.
        guard let ready = try await connect(at: place, tries: false) else {
            throw ConversationFault(ChannelFault(channel.rule, .proofMissing), host: host)
        }
        return ready
    }

    /// Nil when another try without TLS is due.
    private func connect(at place: Peer.Place, tries triesTLS: Bool) async throws(ConversationFault) -> ReadyConnection?
    {
        let connection = try await connector.dialer.connect(peer, at: place)
        do throws(ConversationFault) {
            try await connector.hello(connection, host)
            let event = triesTLS ? try await secure(connection) : .inClear
            let judgement = channel.judge(event, host: peer.name)
            for report in judgement.reports { connector.guidance.reports.count(report) }
            switch judgement.action {
            case .proceed(let record):
                return ReadyConnection(
                    connection: connection,
                    peer: peer.key,
                    extensions: await connection.extensions,
                    host: host,
                    event: event,
                    record: record
                )
            case .retryInClear:
                connection.close()
                return nil
            case .nextHost(let fault):
                throw ConversationFault(fault, host: host, hellos: await hellos(connection, fault))
            }
        } catch {
            connection.close()
            throw error
        }
    }

    /// What each side offered, where the handshake failed.
    private func hellos(_ connection: SMTPClientConnection, _ fault: ChannelFault) async -> String? {
        guard case .handshake = fault.cause else { return nil }
        return await connection.hellos?.offers
    }

    /// STARTTLS, and what the server showed; nothing is said inside TLS when the proof fails.
    private func secure(_ connection: SMTPClientConnection) async throws(ConversationFault) -> ChannelEvent {
        guard await connection.extensions.startTLS else { return .startTLSNotOffered }
        let tls = try connector.dialer.tls(for: peer)
        do throws(ClientError) {
            if let refusal = try await connection.startTLS(tls) { return .startTLSRefused(code: refusal.code) }
        } catch {
            guard let fault = HandshakeFault(error) else { throw ConversationFault(error, host: host) }
            return .handshakeFailed(fault)
        }
        var secured = await channel.examine(
            connection.tls?.chain ?? [],
            host: peer.name,
            roots: connector.guidance.roots(),
            at: connector.time.calendar().seconds
        )
        if case .failure = secured.proof { return .secured(secured) }
        try await connector.hello(connection, host)
        secured.offersRequireTLS = await connection.extensions.requireTLS
        return .secured(secured)
    }
}

extension HandshakeFault {
    /// Nil for what is no matter of the handshake.
    ///
    /// A server that cannot do TLS may also just hang up, or stay silent.
    init?(_ error: ClientError) {
        switch error {
        case .lost(.handshake): self = .closed
        case .timedOut(.handshake): self = .timedOut
        case .tlsFailed(let failure): self.init(failure)
        default: return nil
        }
    }

    private init(_ failure: TLSFailure) {
        self =
            switch failure {
            case .noCommonVersion: .noCommonVersion
            case .noCommonCipher: .noCommonCipher
            case .alert: .alert
            case .closed: .closed
            case .timedOut: .timedOut
            case .malformed, .untrusted, .otherName: .malformed
            }
    }
}
