// SPDX-License-Identifier: Apache-2.0

import Mail
import NIOCore
import NIOPosix
import SMTPWire
import Testing

@testable import SMTPTransport

/// Known attacks on, and failures of, SMTP clients, each named by its row in the list that the project keeps.
@Suite("What servers may do to a client", .serialized, .timeLimit(.minutes(2)))
struct ReliabilityRowTests {
    private let name: Domain
    private let envelope: ClientEnvelope

    init() throws {
        name = try #require(Domain("client.example.org"))
        envelope = ClientEnvelope(reversePath: .null, recipients: [.init(try #require(EmailAddress("a@x.org")))])
    }

    private func withClient(
        _ server: ScriptedServer,
        _ body: @Sendable (SMTPClientConnection) async throws -> Void
    ) async throws {
        try await server.run { port in
            let client = try await ToyServer.connect(port, timeouts: ClientTimeouts().capped(at: .seconds(10)))
            defer { client.close() }
            _ = try await client.readGreeting()
            try await body(client)
        }
    }

    @Test(
        "what comes in clear behind the 220 to STARTTLS ends the connection, and no handshake begins",
        arguments: [
            "220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", "220 go\r\n250 x\r\n", "220 go\r\n2",
            "220 go\r\n\u{16}\u{3}\u{1}",
            "220 go\r\n\0",
        ]
    )
    func row_05_responseInjection(answer: String) async throws {
        let server = ScriptedServer(["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", answer])
        try await withClient(server) { client in
            _ = try await client.hello(name)
            await #expect(throws: ClientError.unexpectedReply(.startTLS)) {
                try await client.startTLS(try TestCertificate.acceptAny())
            }
            #expect(await !client.isUsable)
            #expect(await client.tls == nil)
            #expect(await client.send(envelope, content: MemorySource([])).recipients == [.broken(.lost(.mail))])
        }
        #expect(server.received == "EHLO client.example.org\r\nSTARTTLS\r\n")
    }

    @Test("what was offered before STARTTLS counts no more behind it")
    func row_08_stateReset() async throws {
        var options = ToyServer.Options()
        options.keywords = ["SIZE 10", "CHUNKING", "8BITMIME", "DSN"]
        options.keywordsInTLS = ["PIPELINING"]
        let server = ToyServer(options)
        let text = Array("Subject: more than ten octets\r\n\r\nx\r\n".utf8)
        try await server.run(tls: try TestCertificate.context()) { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            #expect(await client.extensions.chunking)
            #expect(
                await client.send(envelope, content: MemorySource(text)).recipients == [.unsupported(.size(limit: 10))]
            )
            #expect(try await client.startTLS(try TestCertificate.acceptAny()) == nil)
            #expect(await client.extensions == ServerExtensions())
            _ = try await client.hello(name)
            #expect(await !client.extensions.chunking)
            guard case .accepted? = await client.send(envelope, content: MemorySource(text)).recipients.first else {
                Issue.record("was not taken")
                return
            }
            await client.quit()
        }
        #expect(server.messages.map(\.wasChunked) == [false])
        #expect(server.messages.map(\.wasEncrypted) == [true])
    }

    @Test(
        "a refusal keeps the class of its basic code, whatever stands where the enhanced code should",
        arguments: [
            ("550", nil), ("550 ", nil), ("550 5.7.2", "5.7.2"), ("550 5.7.2 ", "5.7.2"), ("550 4.7.2 x", nil),
            ("550 2.0.0 x", nil), ("550 5.7", nil), ("550 5.7.2.1 x", nil), ("550 5..2 x", nil), ("550 .", nil),
            ("550 5.99999999999999999999.1 x", nil), ("550-5.7.1 a\r\n550 5.7.2", "5.7.2"), ("550 a\0b", nil),
            ("550 \u{FFFD}\u{1B}[2J", nil),
        ] as [(String, String?)]
    )
    func row_26_enhancedStatus(answer: String, enhanced: String?) async throws {
        let server = ScriptedServer(["220 x\r\n", "250 x\r\n", "250 ok\r\n", answer + "\r\n", "250 ok\r\n"])
        try await withClient(server) { client in
            _ = try await client.hello(name)
            let result = await client.send(envelope, content: MemorySource([]))
            guard case .refused(let reply, .rcpt)? = result.recipients.first else {
                Issue.record("\(result.recipients)")
                return
            }
            #expect(reply.isPermanentFailure)
            #expect(reply.enhanced?.text == enhanced)
            #expect(result.isConnectionUsable)
        }
    }

    @Test(
        "what is no reply breaks the conversation, and the recipient is not refused for good",
        arguments: [
            (String(repeating: "550-x\r\n", count: 999) + "550 x\r\n", ReplyError.tooManyLines),
            ("550-a\r\n450 b\r\n", .mismatchedCodes), ("550-a\r\n250 b\r\n", .mismatchedCodes),
            ("\0\0\0\r\n", .malformed),
            ("55\u{0}0 x\r\n", .malformed), ("5500 x\r\n", .malformed), ("550x\r\n", .malformed),
            ("550 " + String(repeating: "x", count: 4000) + "\r\n", .lineTooLong),
        ]
    )
    func row_26_noReply(answer: String, error: ReplyError) async throws {
        let server = ScriptedServer(["220 x\r\n", "250 x\r\n", "250 ok\r\n", answer])
        try await withClient(server) { client in
            _ = try await client.hello(name)
            let result = await client.send(envelope, content: MemorySource([]))
            #expect(result.recipients == [.broken(.malformedReply(error, .rcpt))])
            #expect(!result.isConnectionUsable)
        }
    }

    @Test(
        "endless lines of one reply are cut off at the limit",
        arguments: ["250-x\r\n", "250-" + String(repeating: "x", count: 900) + "\r\n"]
    )
    func row_27_replyFlood(line: String) async throws {
        let server = ScriptedServer(["220 x\r\n"], thenForever: line)
        try await withClient(server) { client in
            await #expect(throws: ClientError.malformedReply(.tooManyLines, .hello)) { try await client.hello(name) }
            #expect(await !client.isUsable)
        }
        #expect(try await server.waitForClose(), "the flood went on into an open connection")
    }

    @Test("endless whole replies that nobody asked for are cut off too")
    func row_27_unaskedReplies() async throws {
        let server = ScriptedServer(["220 x\r\n"], thenForever: "250 x\r\n")
        try await withClient(server) { client in
            _ = try await client.hello(name)
            let result = await client.send(envelope, content: MemorySource([]))
            #expect(result.recipients == [.broken(.lost(.mail))])
            #expect(try await server.waitForClose())
        }
    }
}
