// SPDX-License-Identifier: Apache-2.0

import Mail
import NIOCore
import NIOPosix
import SMTPWire
import Testing

@testable import SMTPTransport

@Suite("Client against hostile servers", .serialized, .timeLimit(.minutes(2)))
struct HostileServerTests {
    /// Sends the next of its texts for each write of the client (the first one on connect), then goes silent or closes.
    private final class Script: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var texts: ArraySlice<String>
        private let closes: Bool

        init(_ texts: [String], closes: Bool) {
            self.texts = texts[...]
            self.closes = closes
        }

        func channelActive(context: ChannelHandlerContext) { sayNext(context) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { sayNext(context) }

        private func sayNext(_ context: ChannelHandlerContext) {
            guard let text = texts.popFirst() else { return }
            context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            if texts.isEmpty, closes { context.close(promise: nil) }
        }
    }

    private func withServer(
        _ texts: [String],
        closes: Bool = false,
        _ body: (SMTPClientConnection) async throws -> Void
    ) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Script(texts, closes: closes))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try await ToyServer.connect(
            server.localAddress?.port ?? 0,
            timeouts: ClientTimeouts().capped(at: .seconds(5))
        )
        try await body(client)
        client.close()
        try await server.close().get()
    }

    private let name: Domain
    private let envelope: ClientEnvelope

    init() throws {
        name = try #require(Domain("client.example.org"))
        envelope = ClientEnvelope(reversePath: .null, recipients: [.init(try #require(EmailAddress("a@x.org")))])
    }

    @Test(
        "replies in the clear behind the 220 to STARTTLS end the connection",
        arguments: ["220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", "220 go\r\n2"]
    )
    func responseInjection(answer: String) async throws {
        try await withServer(["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", answer]) { client in
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            await #expect(throws: ClientError.unexpectedReply(.startTLS)) {
                try await client.startTLS(try TestCertificate.acceptAny())
            }
            #expect(await !client.isUsable)
        }
    }

    @Test(
        "a reply flood, an endless line and garbage end the connection",
        arguments: [
            (String(repeating: "250-x\r\n", count: 1000), ReplyError.tooManyLines),
            (String(repeating: "2", count: 5000), ReplyError.lineTooLong),
            ("250-x\r\n550 y\r\n", ReplyError.mismatchedCodes),
            ("SSH-2.0-x\r\n", ReplyError.malformed),
        ]
    )
    func floods(text: String, expected: ReplyError) async throws {
        try await withServer([text]) { client in
            await #expect(throws: ClientError.malformedReply(expected, .greeting)) { try await client.readGreeting() }
        }
    }

    @Test("a refused STARTTLS is a reply, and the connection goes on")
    func refusedTLS() async throws {
        try await withServer(["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "454 4.7.0 no\r\n", "250 ok\r\n"]) { client in
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            #expect(try await client.startTLS(try TestCertificate.acceptAny())?.code == 454)
            #expect(try await client.noop().code == 250)
        }
    }

    @Test("a 421 before the connection closes is what the recipients get")
    func closingReply() async throws {
        try await withServer(["220 x\r\n", "250-x\r\n250 PIPELINING\r\n", "421 4.3.2 bye\r\n"], closes: true) {
            client in
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            let result = await client.send(envelope, content: MemorySource([]))
            guard case .refused(let reply, _) = result.recipients[0] else {
                Issue.record("no reply")
                return
            }
            #expect(reply.code == 421)
            #expect(!result.isConnectionUsable)
        }
    }

    @Test("a connection lost after the content says that the message may have arrived")
    func lostAtTheEnd() async throws {
        try await withServer(
            ["220 x\r\n", "250-x\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n354 go\r\n", ""],
            closes: true
        ) { client in
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            let result = await client.send(envelope, content: MemorySource(Array("x\r\n".utf8)))
            #expect(result.recipients == [.broken(.lost(.end))])
        }
    }

    @Test("more replies than commands make the connection unusable for the next message")
    func extraReplies() async throws {
        try await withServer(["220 x\r\n250 extra\r\n"]) { client in
            _ = try await client.readGreeting()
            #expect(await !client.isUsable)
            let result = await client.send(envelope, content: MemorySource([]))
            #expect(result.recipients == [.broken(.lost(.mail))])
        }
    }
}
