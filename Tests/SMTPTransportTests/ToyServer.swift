// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import NIOCore
import NIOPosix
import NIOSSL
import SMTPWire
import Synchronization
import TestSupport

@testable import SMTPTransport

/// The simplest session that takes mail: enough to talk to the client.
final class ToyServer: Sendable {
    struct Message: Equatable, Sendable {
        var mail: MailParameters
        var recipients: [RcptParameters]
        var content: [UInt8]
        var wasChunked: Bool
        var wasEncrypted: Bool
    }

    struct Options: Sendable {
        var keywords = ["PIPELINING", "CHUNKING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"]
        /// In place of ``keywords`` once TLS is up.
        var keywordsInTLS: [String]?
        var isLMTP = false
        var knowsEHLO = true
        var acceptsEmptyData = false
        var closesAtData = false
    }

    private let received = Mutex<[Message]>([])
    private let batches = Mutex<[String]>([])
    private let options: Options

    init(_ options: Options = Options()) {
        self.options = options
    }

    var messages: [Message] { received.withLock { $0 } }
    /// Verbs and notable events, in order.
    var events: [String] { batches.withLock { $0 } }

    private struct State {
        var mail: MailParameters?
        var recipients: [RcptParameters] = []
        var content: [UInt8] = []
        var isChunked = false
        var refusesChunk = false
    }

    private func note(_ event: String) { batches.withLock { $0.append(event) } }

    func session(_ connection: SMTPServerConnection) async {
        connection.reply(.greeting("toy.example.org"))
        var state = State()
        while let event = await connection.next() {
            switch event {
            case .command(let command):
                note(command.verb.description)
                guard await handle(command, &state, connection) else { return }
            case .badCommand(let error):
                note("bad")
                connection.reply(error.reply)
            case .lineTooLong: connection.reply(.lineTooLong)
            case .bodyChunk(let chunk): state.content += Array(buffer: chunk)
            case .bodyEnd(let last): finishContent(last, &state, connection)
            case .authLine(let line):
                note("auth-line")
                connection.reply(Base64.decode(Array(buffer: line)[...]) == nil ? .badBase64 : .authenticated)
            case .authLineTooLong: connection.reply(.authLineTooLong)
            case .violation(let violation):
                note(violation.word.description)
                await connection.close(violation.reply)
                return
            case .timedOut:
                note("timed-out")
                await connection.close(.timedOut)
                return
            case .shutdownRequested:
                note("drain")
                await connection.close(.shuttingDown)
                return
            case .tlsEstablished: return
            }
        }
        note("ended")
    }

    private func handle(_ command: SMTPCommand, _ state: inout State, _ connection: SMTPServerConnection) async -> Bool
    {
        switch command {
        case .ehlo where options.knowsEHLO, .lhlo:
            var keywords = connection.tls == nil ? options.keywords : options.keywordsInTLS ?? options.keywords
            if connection.canStartTLS { keywords.append("STARTTLS") }
            if connection.tls != nil { keywords.append("AUTH PLAIN LOGIN") }
            connection.reply(.ehlo("toy.example.org", keywords: keywords))
        case .ehlo: connection.reply(.notImplemented)
        case .helo: connection.reply(.helo("toy.example.org"))
        case .mail(let mail):
            state = State()
            state.mail = mail
            connection.reply(.senderOK)
        case .rcpt(let rcpt):
            if case .address(let address) = rcpt.forwardPath, address.localPart.hasPrefix("no") {
                connection.reply(.noSuchMailbox)
            } else {
                state.recipients.append(rcpt)
                connection.reply(.recipientOK)
            }
        case .data:
            if options.closesAtData { return false }
            if state.recipients.isEmpty, !options.acceptsEmptyData {
                connection.reply(.noValidRecipients)
            } else {
                connection.reply(.startMailInput, then: .body)
            }
        case .bdat:
            state.isChunked = true
            state.refusesChunk = state.recipients.isEmpty
        case .rset:
            state = State()
            connection.reply(.ok)
        case .startTLS:
            guard let facts = await connection.startTLS() else {
                note("no-tls")
                return false
            }
            note(facts.version.rawValue)
            state = State()
        case .auth(_, let initial):
            if initial != nil {
                connection.reply(.authenticated)
            } else {
                connection.reply(.authChallenge(), then: .authLine)
            }
        case .quit:
            await connection.close(.goodbye)
            return false
        case .noop: connection.reply(.ok)
        default: connection.reply(.notImplemented)
        }
        return true
    }

    private func finishContent(_ last: Bool, _ state: inout State, _ connection: SMTPServerConnection) {
        guard !state.refusesChunk, let mail = state.mail, last else {
            connection.reply(state.refusesChunk ? .badSequence : .chunkOK(state.content.count))
            return
        }
        let message = Message(
            mail: mail,
            recipients: state.recipients,
            content: state.content,
            wasChunked: state.isChunked,
            wasEncrypted: connection.tls != nil
        )
        if !state.recipients.isEmpty { received.withLock { $0.append(message) } }
        let replies = options.isLMTP ? state.recipients.map { _ in Reply.queued("toy") } : [.queued("toy")]
        connection.reply(replies)
        state = State()
    }

    // MARK: - Running

    static let group = MultiThreadedEventLoopGroup.singleton

    /// Serves on a free port while `body` runs, then drains.
    func run<Result: Sendable>(
        tls: NIOSSLContext? = nil,
        isImplicitTLS: Bool = false,
        tlsContext: (@Sendable () -> NIOSSLContext)? = nil,
        limits: FramingLimits = FramingLimits(),
        connectionLimits: ConnectionLimits = ConnectionLimits(),
        _ body: @Sendable (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let configuration = SMTPListener.Configuration(
            host: "127.0.0.1",
            port: 0,
            isImplicitTLS: isImplicitTLS,
            tlsContext: { tlsContext?() ?? tls },
            limits: limits,
            connectionLimits: connectionLimits
        )
        let listener = try await SMTPListener.bind(configuration, group: MultiThreadedEventLoopGroup.singleton)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await listener.run { await self.session($0) } }
            do {
                let result = try await body(listener.port)
                listener.drain()
                try await group.waitForAll()
                return result
            } catch {
                listener.drain()
                throw error
            }
        }
    }

    static func connect(
        _ port: Int,
        dialect: SMTPClientConnection.Dialect = .smtp,
        timeouts: ClientTimeouts = ClientTimeouts().capped(at: .seconds(20))
    ) async throws -> SMTPClientConnection {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) {
                SMTPClientConnection.make($0, dialect: dialect, timeouts: timeouts)
            }
    }
}

/// Set once, from anywhere.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}

/// A self-signed certificate for `localhost`, made by the openssl command when first needed.
enum TestCertificate {
    static let files: (certificate: String, key: String, encryptedKey: String)? = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("postern-tls-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let certificate = folder.appendingPathComponent("cert.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        let encrypted = folder.appendingPathComponent("encrypted.pem").path
        guard
            openssl([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
            ]),
            openssl(["pkcs8", "-topk8", "-in", key, "-out", encrypted, "-passout", "pass:secret", "-v2", "aes-256-cbc"])
        else { return nil }
        return (certificate, key, encrypted)
    }()

    static func context() throws -> NIOSSLContext {
        guard let files else { throw ServerTLS.Failure.certificateUnreadable }
        return try ServerTLS.context(certificateFile: files.certificate, keyFile: files.key).current
    }

    private static func openssl(_ arguments: [String]) -> Bool {
        (try? ChildProcess.run(["openssl"] + arguments).status) == 0
    }

    /// What an opportunistic client takes: any certificate.
    static func acceptAny() throws -> ClientTLS {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        return ClientTLS(
            context: try NIOSSLContext(configuration: configuration),
            serverName: "localhost",
            verification: .acceptAny
        )
    }

    static func verifying(_ name: String, trustingIt: Bool) throws -> ClientTLS {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        if trustingIt, let files { configuration.trustRoots = .file(files.certificate) }
        return ClientTLS(
            context: try NIOSSLContext(configuration: configuration),
            serverName: name,
            verification: .byContext
        )
    }
}
