// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
package import DNSResolver
import Delivery
import Dial
package import Fetch
import Mail
import NIOCore
import NIOPosix
import SMTPTransport
import SMTPWire

/// Holds one SMTP conversation and shows it line by line.
///
/// Certificates are looked at and judged, and never keep the conversation from going on: what is wrong is to be seen.
package struct Prober: Sendable {
    private let request: ProbeRequest
    private let resolver: (any DNSResolving)?
    private let roots: PublicRoots?
    private let now: Int64
    private let transcript: ProbeTranscript

    /// Ends the conversation before it is done; what it was is in the transcript already.
    private struct Stop: Error { let failure: ProbeReport.Failure }

    /// - Parameters:
    ///   - resolver: for addresses and TLSA records; nil: the system's names alone.
    ///   - now: in seconds since 1970.
    ///   - show: gets each line as soon as it is there.
    package init(
        _ request: ProbeRequest,
        resolver: (any DNSResolving)?,
        roots: PublicRoots?,
        now: Int64,
        show: @escaping @Sendable (ProbeLine) -> Void
    ) {
        self.request = request
        self.resolver = request.proxy == nil ? resolver : nil
        self.roots = roots
        self.now = now
        self.transcript = ProbeTranscript(show)
    }

    package func run() async -> ProbeReport {
        var report = ProbeReport(host: request.host, port: request.port)
        do throws(Stop) {
            let connection = try await connect()
            do throws(Stop) {
                try await converse(connection, &report)
                await leave(connection)
            } catch {
                report.failure = error.failure
                if await connection.isUsable { await leave(connection) } else { connection.close() }
            }
        } catch {
            report.failure = error.failure
        }
        if report.failure == nil, report.channel?.dane?.word == .mismatch { report.failure = .daneMismatch }
        report.lines = transcript.lines
        return report
    }

    // MARK: - Connection

    private func connect() async throws(Stop) -> SMTPClientConnection {
        var options = DialOptions(
            connectTimeout: request.patience,
            timeouts: ClientTimeouts().capped(at: request.patience)
        )
        options.tap = transcript.tap
        let target = try await target()
        transcript.note("Trying \(request.host):\(request.port)\(request.proxy == nil ? "" : " through the proxy")...")
        do throws(DialError) {
            let connection = try await Dialer(group: MultiThreadedEventLoopGroup.singleton).open(
                target,
                options: options
            )
            transcript.note("Connected to \(request.host).")
            return connection
        } catch {
            transcript.fault("\(request.host):\(request.port) can't be connected to: \(Self.sentence(error)).")
            if case .proxy = error { throw Stop(failure: .proxy) }
            throw Stop(failure: .noConnection)
        }
    }

    private func target() async throws(Stop) -> DialTarget {
        if let proxy = request.proxy { return .proxied(proxy, host: request.host, port: request.port) }
        let addresses = await addresses().compactMap {
            try? SocketAddress(packedIPAddress: ByteBuffer(bytes: $0.bytes), port: request.port)
        }
        guard !addresses.isEmpty else {
            transcript.fault("\(request.host) has no address; look at its spelling.")
            throw Stop(failure: .noAddress)
        }
        return .addresses(addresses)
    }

    private func addresses() async -> [IPAddress] {
        if let literal = IPAddress(request.host) { return [literal] }
        if let resolver {
            async let six = resolver.resolve(request.host, .aaaa)
            async let four = resolver.resolve(request.host, .a)
            let found = [await six, await four].filter(\.isUsable).flatMap(\.addresses)
            if !found.isEmpty { return found }
        }
        return await SystemHosts.addresses(of: request.host, on: .singleton)
    }

    private func leave(_ connection: SMTPClientConnection) async {
        await connection.quit()
        transcript.note("Connection closed.")
    }

    // MARK: - Conversation

    private func converse(_ connection: SMTPClientConnection, _ report: inout ProbeReport) async throws(Stop) {
        if request.encryption == .implicit {
            try await secure(connection, &report) { (tls) async throws(ClientError) in
                try await connection.handshake(tls)
                return nil
            }
        }
        try await expect(.greeting) { () async throws(ClientError) in try await connection.readGreeting() }
        guard request.lastPhase > .banner else { return }
        try await hello(connection)
        guard request.lastPhase > .firstHello else { return }
        if request.encryption == .startTLS || request.encryption == .whereOffered {
            guard try await startTLS(connection, &report) else { return }
        }
        guard request.lastPhase > .hello else { return }
        if let signIn = request.signIn { try await authenticate(connection, signIn) }
        guard request.lastPhase > .auth, !request.recipients.isEmpty else { return }
        if let message = request.message, request.lastPhase == .data {
            try await send(message, connection)
        } else {
            try await nameEnvelope(connection)
        }
    }

    private func hello(_ connection: SMTPClientConnection) async throws(Stop) {
        try await expect(.hello) { () async throws(ClientError) in try await connection.hello(request.name) }
    }

    /// False when the conversation is to end here.
    private func startTLS(_ connection: SMTPClientConnection, _ report: inout ProbeReport) async throws(Stop) -> Bool {
        guard await connection.extensions.startTLS else {
            if request.encryption == .startTLS {
                transcript.fault("The server does not offer STARTTLS.")
                throw Stop(failure: .startTLSNotOffered)
            }
            transcript.note("The server does not offer STARTTLS; the conversation goes on in clear.")
            return request.lastPhase > .tls
        }
        let refusal = try await secure(connection, &report) { (tls) async throws(ClientError) in
            try await connection.startTLS(tls)
        }
        if refusal != nil {
            transcript.fault("The server offers STARTTLS and refuses it.")
            throw Stop(failure: .refused)
        }
        guard request.lastPhase > .tls else { return false }
        try await hello(connection)
        return true
    }

    @discardableResult
    private func secure(
        _ connection: SMTPClientConnection,
        _ report: inout ProbeReport,
        _ handshake: (ClientTLS) async throws(ClientError) -> RemoteReply?
    ) async throws(Stop) -> RemoteReply? {
        guard let tls = try? ClientTLSContexts().tls(for: .examined(serverName: request.host)) else {
            transcript.fault("TLS can't be set up on this machine.")
            throw Stop(failure: .handshake)
        }
        do throws(ClientError) {
            if let refusal = try await handshake(tls) { return refusal }
        } catch {
            guard case .tlsFailed(let failure) = error else { throw broken(error) }
            let sentence = await connection.hellos?.sentence(failure) ?? failure.text
            report.handshake = sentence
            transcript.fault("TLS startup failed: \(sentence).")
            throw Stop(failure: .handshake)
        }
        transcript.tlsIsUp()
        if let facts = await connection.tls { report.channel = await look(at: facts) }
        return nil
    }

    // MARK: - Channel

    private func look(at facts: TLSFacts) async -> ProbeReport.Channel {
        let exchange = facts.group.map { ", key exchange \($0)" } ?? ""
        transcript.note("TLS started with \(facts.version.rawValue), cipher \(facts.cipher ?? "?")\(exchange)")
        let certificates = facts.chain.map { ShownCertificate(der: $0) }
        for (position, certificate) in certificates.enumerated() {
            for line in certificate.lines(position) { transcript.note(line) }
        }
        if let digest = certificates.first?.sha256 { transcript.note("TLS peer certificate SHA-256 \(digest)") }
        if let digest = certificates.first?.spkiSHA256 { transcript.note("TLS peer SPKI SHA-256 \(digest)") }
        let trust = await trust(facts.chain)
        transcript.note("TLS peer trust: \(trust.text)")
        var channel = ProbeReport.Channel(
            version: facts.version.rawValue,
            cipher: facts.cipher,
            group: facts.group,
            certificates: certificates,
            isTrusted: trust.isTrusted,
            trust: trust.text
        )
        if let resolver, IPAddress(request.host) == nil {
            let verdict = await DANEProbe(resolver: resolver, host: name, port: request.port).verdict(
                facts.chain,
                at: now
            )
            for record in verdict.records { transcript.note("TLSA record \(record)") }
            let line = "DANE \(verdict.word.rawValue): \(verdict.sentence)"
            if verdict.word == .mismatch { transcript.fault(line) } else { transcript.note(line) }
            channel.dane = verdict
        }
        return channel
    }

    /// As the DNS and certificates have it.
    private var name: String {
        let lower = request.host.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    private func trust(_ chain: [[UInt8]]) async -> (isTrusted: Bool, text: String) {
        guard let roots else { return (false, "the system's authorities can't be read") }
        do throws(ProofFault) {
            let presented = try PresentedChain(chain)
            let proof = try await presented.prove(names: [name], roots: roots.roots, at: now).get()
            return (true, proof.text)
        } catch {
            return (false, error.text)
        }
    }

    // MARK: - Sign-in and mail

    private func authenticate(_ connection: SMTPClientConnection, _ signIn: ProbeRequest.SignIn) async throws(Stop) {
        guard await connection.tls != nil else {
            transcript.fault("The password is not sent without TLS.")
            throw Stop(failure: .signInImpossible)
        }
        guard await !connection.extensions.authMechanisms.isDisjoint(with: signIn.mechanisms) else {
            transcript.fault("The server offers no AUTH with \(signIn.mechanisms.sorted().joined(separator: " or ")).")
            throw Stop(failure: .signInImpossible)
        }
        transcript.signInBegins(user: signIn.user, password: signIn.password)
        defer { transcript.signInEnded() }
        try await expect(.auth) { () async throws(ClientError) in
            try await connection.authenticate(
                username: signIn.user,
                password: signIn.password,
                mechanisms: signIn.mechanisms
            )
        }
    }

    private func nameEnvelope(_ connection: SMTPClientConnection) async throws(Stop) {
        let mail = "MAIL FROM:<\(request.sender.wire)>"
        try await expect(.mail) { () async throws(ClientError) in try await connection.say(mail, at: .mail) }
        guard request.lastPhase > .mail else { return }
        for recipient in request.recipients {
            let rcpt = "RCPT TO:<\(recipient.wire)>"
            try await expect(.rcpt) { () async throws(ClientError) in try await connection.say(rcpt, at: .rcpt) }
        }
    }

    private func send(_ message: [UInt8], _ connection: SMTPClientConnection) async throws(Stop) {
        let envelope = ClientEnvelope(
            reversePath: request.sender,
            recipients: request.recipients.map { ClientEnvelope.Recipient($0) },
            isEightBit: message.contains { $0 > 127 }
        )
        transcript.contentBegins()
        let result = await connection.send(envelope, content: MemorySource(message))
        transcript.contentEnded()
        for outcome in result.recipients {
            switch outcome {
            case .accepted: continue
            case .refused: throw Stop(failure: .refused)
            case .broken(let error): throw broken(error)
            case .unsupported: transcript.fault("The server does not offer what the message needs.")
            case .flawedContent: transcript.fault("The message has a line end that is not CRLF.")
            case .unreadableContent: transcript.fault("The message can't be read.")
            }
            throw Stop(failure: .refused)
        }
    }

    // MARK: - What went wrong

    /// A reply that is no success ends the conversation; it was shown when it came.
    private func expect(
        _ stage: ClientStage,
        _ exchange: () async throws(ClientError) -> RemoteReply
    ) async throws(Stop) {
        let reply: RemoteReply
        do throws(ClientError) {
            reply = try await exchange()
        } catch {
            throw broken(error)
        }
        guard reply.isSuccess else { throw Stop(failure: .refused) }
    }

    private func broken(_ error: ClientError) -> Stop {
        transcript.fault(Self.sentence(error))
        return Stop(failure: .broken)
    }

    private static func sentence(_ error: ClientError) -> String {
        switch error {
        case .lost(let stage): "The server closed the connection (\(stage.rawValue))."
        case .timedOut(let stage): "The server did not answer in time (\(stage.rawValue))."
        case .cancelled: "The probe was interrupted."
        case .malformedReply(_, let stage): "What the server said is no SMTP reply (\(stage.rawValue))."
        case .unexpectedReply(.startTLS):
            "The server said more in clear behind its answer to STARTTLS; nothing of it counts."
        case .unexpectedReply(let stage): "The server said more than it was asked (\(stage.rawValue))."
        case .tlsFailed(let failure): "TLS failed: \(failure.text)."
        case .notPossible(let stage): "The server does not offer what is needed (\(stage.rawValue))."
        }
    }

    private static func sentence(_ error: DialError) -> String {
        switch error {
        case .noAddress: "there is no usable address"
        case .cannotConnect(let code): SystemError.text(code)
        case .connectTimedOut: "nothing answers in time"
        case .proxy(let failure): failure.text
        case .refused(let reply): "it greets with \(reply.code)"
        case .broken: "the connection broke"
        case .cancelled: "the probe was interrupted"
        }
    }
}
