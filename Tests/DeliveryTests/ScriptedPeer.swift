// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

/// What a scripted peer does in place of its usual answer.
struct Script: Sendable {
    enum Move: Sendable {
        case say(String)
        /// Closes the connection without a word.
        case hangUp
        /// Says this and closes.
        case sayAndHangUp(String)
        /// Never answers.
        case silence
    }

    var isLMTP = false
    var greeting = Move.say("220 peer ESMTP")
    var extensions = ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000", "ENHANCEDSTATUSCODES"]
    /// By how a command line begins; the longest beginning counts.
    var answers: [String: Move] = [:]
    /// The answer to the end of content; with LMTP one for each accepted recipient, in order, the last one repeated.
    var contentAnswers: [Move] = [.say("250 2.0.0 taken")]
    /// RCPT beyond this in one transaction get 452.
    var maxRecipients = Int.max
    /// After so many messages on a connection the next MAIL gets 421.
    var messagesPerConnection = Int.max
}

/// An SMTP or LMTP server on loopback that follows a script and writes down what it is told.
final class ScriptedPeer: Sendable {
    struct Taken: Sendable {
        var mail = ""
        var rcpts: [String] = []
        var content = ""
    }

    final class Record: Sendable {
        let script: Script
        private let state = Mutex((connections: 0, open: 0, mostOpen: 0, taken: [Taken](), lines: [String]()))

        init(_ script: Script) { self.script = script }

        func opened() {
            state.withLock {
                $0.connections += 1
                $0.open += 1
                $0.mostOpen = max($0.mostOpen, $0.open)
            }
        }
        func closed() { state.withLock { $0.open -= 1 } }
        func took(_ message: Taken) { state.withLock { $0.taken.append(message) } }
        func heard(_ line: String) { state.withLock { $0.lines.append(line) } }
        var connections: Int { state.withLock { $0.connections } }
        var mostOpen: Int { state.withLock { $0.mostOpen } }
        var taken: [Taken] { state.withLock { $0.taken } }
        var lines: [String] { state.withLock { $0.lines } }
    }

    let record: Record
    let port: Int
    private let channel: any Channel

    init(_ script: Script = Script(), host: String = "127.0.0.1", port: Int = 0, unixPath: String? = nil) async throws {
        let record = Record(script)
        self.record = record
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PeerHandler(record))
                }
            }
        if let unixPath {
            channel = try await bootstrap.bind(unixDomainSocketPath: unixPath).get()
        } else {
            channel = try await bootstrap.bind(host: host, port: port).get()
        }
        self.port = channel.localAddress?.port ?? 0
    }

    var taken: [Taken] { record.taken }
    var connections: Int { record.connections }

    func stop() async { try? await channel.close() }
}

/// One conversation of a scripted peer.
///
/// Deliberately lenient and simple; it is not the code under test.
private final class PeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let record: ScriptedPeer.Record
    private var input: [UInt8] = []
    private var isInContent = false
    private var chunkLeft = 0
    private var isLastChunk = false
    private var message = ScriptedPeer.Taken()
    private var content: [UInt8] = []
    private var messages = 0
    private var expectsHandshake = false

    init(_ record: ScriptedPeer.Record) { self.record = record }

    func channelActive(context: ChannelHandlerContext) {
        record.opened()
        make(record.script.greeting, context)
    }

    func channelInactive(context: ChannelHandlerContext) { record.closed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // It has said 220 to STARTTLS and cannot do TLS at all.
        if expectsHandshake { return context.close(promise: nil) }
        input += Array(unwrapInboundIn(data).readableBytesView)
        while step(context) {}
    }

    private func step(_ context: ChannelHandlerContext) -> Bool {
        if chunkLeft > 0 || isLastChunk {
            let part = input.prefix(chunkLeft)
            content += part
            input.removeFirst(part.count)
            chunkLeft -= part.count
            guard chunkLeft == 0 else { return false }
            isLastChunk = false
            finish(context)
            return !input.isEmpty
        }
        guard let end = input.indices.first(where: { $0 > 0 && input[$0] == 10 && input[$0 - 1] == 13 }) else {
            return false
        }
        let line = String(decoding: input[..<(end - 1)], as: UTF8.self)
        input.removeFirst(end + 1)
        if isInContent {
            if line == "." {
                isInContent = false
                finish(context)
            } else {
                content += Array((line.hasPrefix(".") ? String(line.dropFirst()) : line).utf8) + [13, 10]
            }
        } else {
            record.heard(line)
            command(line, context)
        }
        return true
    }

    private func command(_ line: String, _ context: ChannelHandlerContext) {
        let verb = line.split(separator: " ").first.map { $0.uppercased() } ?? ""
        if let move = scripted(line) {
            if verb == "BDAT" { chunk(line) }
            make(move, context)
            return
        }
        switch verb {
        case "EHLO", "LHLO":
            let lines = ["peer"] + record.script.extensions
            say(
                lines.enumerated().map { "250\($0.offset == lines.count - 1 ? " " : "-")\($0.element)" }.joined(
                    separator: "\r\n"
                ),
                context
            )
        case "MAIL":
            if messages >= record.script.messagesPerConnection {
                return make(.sayAndHangUp("421 4.3.2 enough"), context)
            }
            message = ScriptedPeer.Taken(mail: line)
            say("250 2.1.0 ok", context)
        case "RCPT":
            if message.mail.isEmpty { return say("503 5.5.1 MAIL first", context) }
            if message.rcpts.count >= record.script.maxRecipients {
                return say("452 4.5.3 too many recipients", context)
            }
            message.rcpts.append(line)
            say("250 2.1.5 ok", context)
        case "DATA":
            if message.rcpts.isEmpty { return say("554 5.5.1 no recipients", context) }
            isInContent = true
            say("354 go on", context)
        case "BDAT": chunk(line)
        case "STARTTLS":
            expectsHandshake = true
            say("220 2.0.0 go", context)
        case "QUIT": make(.sayAndHangUp("221 2.0.0 bye"), context)
        default: say("250 2.0.0 ok", context)
        }
    }

    private func chunk(_ line: String) {
        chunkLeft = Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0
        isLastChunk = true
    }

    private func scripted(_ line: String) -> Script.Move? {
        record.script.answers.filter { line.hasPrefix($0.key) }.max { $0.key.count < $1.key.count }?.value
    }

    private func finish(_ context: ChannelHandlerContext) {
        message.content = String(decoding: content, as: UTF8.self)
        let count = record.script.isLMTP ? max(1, message.rcpts.count) : 1
        let answers = record.script.contentAnswers
        if answers.contains(where: { if case .say(let text) = $0 { text.hasPrefix("2") } else { false } }) {
            record.took(message)
        }
        message = ScriptedPeer.Taken()
        content = []
        messages += 1
        for index in 0..<count { make(answers[min(index, answers.count - 1)], context) }
    }

    private func make(_ move: Script.Move, _ context: ChannelHandlerContext) {
        switch move {
        case .say(let text): say(text, context)
        case .hangUp: context.close(promise: nil)
        case .sayAndHangUp(let text):
            say(text, context)
            context.close(promise: nil)
        case .silence: break
        }
    }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + "\r\n")), promise: nil)
    }
}
