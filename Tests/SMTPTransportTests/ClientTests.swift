// SPDX-License-Identifier: Apache-2.0

import Mail
import NIOCore
import NIOPosix
import NIOSSL
import SMTPWire
import Testing

@testable import SMTPTransport

@Suite("Client against our own server", .serialized, .timeLimit(.minutes(2)))
struct ClientTests {
    private let name: Domain

    init() throws { name = try #require(Domain("client.example.org")) }

    private let content = Array("Subject: x\r\n\r\n.dot\r\nlast line without end".utf8)

    private func envelope(_ recipients: String...) -> ClientEnvelope {
        ClientEnvelope(
            reversePath: EmailAddress("sender@example.org").map { .address($0) } ?? .null,
            recipients: recipients.compactMap { EmailAddress($0).map { ClientEnvelope.Recipient($0) } }
        )
    }

    private func codes(_ result: TransactionResult) -> [Int] {
        result.recipients.map {
            switch $0 {
            case .accepted(let reply), .refused(let reply, _): reply.code
            default: 0
            }
        }
    }

    static let extensionSets: [[String]] = [
        ["PIPELINING", "CHUNKING"], ["PIPELINING"], ["CHUNKING"], [],
        ["PIPELINING", "SIZE 100000000", "8BITMIME", "DSN", "SMTPUTF8"],
    ]

    @Test("mixed recipients, several messages on one connection, whatever is offered", arguments: extensionSets)
    func mixedRecipients(keywords: [String]) async throws {
        var options = ToyServer.Options()
        options.keywords = keywords
        let server = ToyServer(options)
        try await server.run { port in
            let client = try await ToyServer.connect(port)
            #expect(try await client.readGreeting().code == 220)
            #expect(try await client.hello(name).code == 250)
            for _ in 0..<3 {
                let result = await client.send(
                    envelope("a@x.org", "nobody@x.org", "b@x.org"),
                    content: MemorySource(content)
                )
                #expect(codes(result) == [250, 550, 250])
                #expect(result.isConnectionUsable)
                let none = await client.send(envelope("no1@x.org", "no2@x.org"), content: MemorySource(content))
                #expect(codes(none) == [550, 550])
                #expect(none.isConnectionUsable)
            }
            await client.quit()
        }
        #expect(server.messages.count == 3)
        let expected = keywords.contains("CHUNKING") ? content : content + [13, 10]
        #expect(server.messages.allSatisfy { $0.content == expected && $0.recipients.count == 2 })
        #expect(server.messages.allSatisfy { $0.wasChunked == keywords.contains("CHUNKING") })
    }

    @Test("large content streams unchanged", arguments: [["PIPELINING", "CHUNKING"], ["PIPELINING"], []])
    func largeContent(keywords: [String]) async throws {
        var options = ToyServer.Options()
        options.keywords = keywords
        let server = ToyServer(options)
        let big = Array(repeating: Array(".line of text\r\n..another\r\n".utf8), count: 60_000).flatMap { $0 }
        try await server.run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            let result = await client.send(envelope("a@x.org"), content: MemorySource(big))
            #expect(codes(result) == [250])
            await client.quit()
        }
        #expect(server.messages.first?.content == big)
    }

    @Test("parameters go out where they are offered")
    func parameters() async throws {
        let server = ToyServer()
        try await server.run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            var envelope = envelope("bücher@x.org")
            envelope.recipients[0].notify = [.failure, .delay]
            envelope.recipients[0].orcpt = OriginalRecipient(addressType: "utf-8", address: "bücher+a=b@x.org")
            envelope.envid = "a+b=c d"
            envelope.ret = .headers
            envelope.isEightBit = true
            #expect(codes(await client.send(envelope, content: MemorySource(content))) == [250])
            await client.quit()
        }
        let message = try #require(server.messages.first)
        #expect(message.mail.envid == "a+b=c d")
        #expect(message.mail.ret == .headers)
        #expect(message.mail.body == .eightBitMIME)
        #expect(message.mail.smtpUTF8)
        #expect(message.mail.size == content.count)
        #expect(message.recipients[0].notify == [.failure, .delay])
        #expect(message.recipients[0].orcpt?.address == "bücher+a=b@x.org")
    }

    @Test("what is not offered is never sent")
    func unsupported() async throws {
        var options = ToyServer.Options()
        options.keywords = ["PIPELINING", "SIZE 10"]
        let server = ToyServer(options)
        try await server.run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            var eightBit = envelope("a@x.org")
            eightBit.isEightBit = true
            #expect(await client.send(eightBit, content: MemorySource([])).recipients == [.unsupported(.eightBitMIME)])
            #expect(
                await client.send(envelope("a@x.org"), content: MemorySource(content)).recipients == [
                    .unsupported(.size(limit: 10))
                ]
            )
            let mixed = await client.send(envelope("ä@x.org", "a@x.org"), content: MemorySource([]))
            #expect(mixed.recipients[0] == .unsupported(.smtpUTF8))
            #expect(codes(mixed)[1] == 250)
            await client.quit()
        }
    }

    @Test(
        "a bare CR or LF never leaves",
        arguments: ["a\nb\r\n", "a\rb\r\n", "a\r\n\r"],
        [["PIPELINING"], ["PIPELINING", "CHUNKING"]]
    )
    func bareLineEndings(text: String, keywords: [String]) async throws {
        var options = ToyServer.Options()
        options.keywords = keywords
        let server = ToyServer(options)
        try await server.run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            let result = await client.send(envelope("a@x.org"), content: MemorySource(Array(text.utf8)))
            guard case .flawedContent = result.recipients[0] else {
                Issue.record("was sent")
                return
            }
            #expect(result.isConnectionUsable)
            let large = Array(repeating: UInt8(ascii: "a"), count: 300_000) + Array(text.utf8)
            let second = await client.send(envelope("a@x.org"), content: MemorySource(large))
            guard case .flawedContent = second.recipients[0] else {
                Issue.record("was sent")
                return
            }
            #expect(!second.isConnectionUsable)
        }
        #expect(server.messages.isEmpty)
    }

    @Test("STARTTLS: what was offered in the clear is forgotten, AUTH works inside only, content arrives")
    func startTLS() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context()) { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            #expect(await client.extensions.startTLS)
            await #expect(throws: ClientError.notPossible(.auth)) {
                try await client.authenticate(username: "u", password: "p")
            }
            #expect(try await client.startTLS(try TestCertificate.acceptAny()) == nil)
            #expect(await client.tls?.version == .tls13)
            #expect(await client.tls?.isVerified == false)
            #expect(await !client.extensions.pipelining)
            _ = try await client.hello(name)
            #expect(await !client.extensions.startTLS)
            #expect(try await client.authenticate(username: "u", password: "p").code == 235)
            #expect(codes(await client.send(envelope("a@x.org"), content: MemorySource(content))) == [250])
            await client.quit()
        }
        #expect(server.messages.first?.wasEncrypted == true)
    }

    @Test("verification by chain and name refuses what it should")
    func verification() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context()) { port in
            let cases: [(ClientTLS, ClientError?)] = [
                (try TestCertificate.verifying("localhost", trustingIt: true), nil),
                (
                    try TestCertificate.verifying("other.example.org", trustingIt: true),
                    .tlsFailed(.otherName)
                ),
                (try TestCertificate.verifying("localhost", trustingIt: false), .tlsFailed(.untrusted)),
            ]
            for (tls, expected) in cases {
                let client = try await ToyServer.connect(port)
                _ = try await client.readGreeting()
                _ = try await client.hello(name)
                if let expected {
                    await #expect(throws: expected) { try await client.startTLS(tls) }
                    #expect(await !client.isUsable)
                } else {
                    #expect(try await client.startTLS(tls) == nil)
                    #expect(await client.tls?.isVerified == true)
                    await client.quit()
                }
            }
        }
    }

    @Test("TLS from the first byte")
    func implicitTLS() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context(), isImplicitTLS: true) { port in
            let client = try await ToyServer.connect(port)
            try await client.handshake(try TestCertificate.acceptAny())
            #expect(try await client.readGreeting().code == 220)
            _ = try await client.hello(name)
            #expect(codes(await client.send(envelope("a@x.org"), content: MemorySource(content))) == [250])
            await client.quit()
        }
        #expect(server.messages.count == 1)
    }

    @Test("LMTP gives each recipient its own answer", arguments: [["PIPELINING"], ["PIPELINING", "CHUNKING"], []])
    func lmtp(keywords: [String]) async throws {
        var options = ToyServer.Options()
        options.keywords = keywords
        options.isLMTP = true
        let server = ToyServer(options)
        try await server.run { port in
            let client = try await ToyServer.connect(port, dialect: .lmtp)
            _ = try await client.readGreeting()
            #expect(try await client.hello(name).code == 250)
            #expect(
                codes(await client.send(envelope("a@x.org", "no@x.org", "b@x.org"), content: MemorySource(content)))
                    == [250, 550, 250]
            )
            #expect(codes(await client.send(envelope("no@x.org"), content: MemorySource(content))) == [550])
            #expect(codes(await client.send(envelope("c@x.org"), content: MemorySource(content))) == [250])
            await client.quit()
        }
        #expect(server.messages.count == 2)
    }

    @Test("a server without EHLO gets HELO, and a DATA that was accepted for nobody gets its dot")
    func oldServer() async throws {
        var options = ToyServer.Options()
        options.knowsEHLO = false
        let old = ToyServer(options)
        try await old.run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            #expect(try await client.hello(name).code == 250)
            #expect(codes(await client.send(envelope("a@x.org"), content: MemorySource(content))) == [250])
        }
        options = ToyServer.Options()
        options.keywords = ["PIPELINING"]
        options.acceptsEmptyData = true
        try await ToyServer(options).run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            #expect(codes(await client.send(envelope("no@x.org"), content: MemorySource(content))) == [550])
            #expect(codes(await client.send(envelope("a@x.org"), content: MemorySource(content))) == [250])
        }
    }

    @Test("a connection lost in the middle says where")
    func lost() async throws {
        var options = ToyServer.Options()
        options.keywords = ["PIPELINING"]
        options.closesAtData = true
        try await ToyServer(options).run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            _ = try await client.hello(name)
            let result = await client.send(envelope("a@x.org"), content: MemorySource(content))
            #expect(result.recipients == [.broken(.lost(.data))])
            #expect(!result.isConnectionUsable)
        }
    }

    @Test("cancelling the task that waits closes the connection")
    func cancellation() async throws {
        try await ToyServer().run { port in
            let client = try await ToyServer.connect(port)
            _ = try await client.readGreeting()
            let waiting = Task { try await client.readGreeting() }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            await #expect(throws: ClientError.cancelled(.greeting)) { try await waiting.value }
            #expect(await !client.isUsable)
        }
    }

    @Test("a server that says nothing is given up at the time-out")
    func silence() async throws {
        try await ToyServer().run { port in
            let client = try await ToyServer.connect(port, timeouts: ClientTimeouts().capped(at: .milliseconds(200)))
            _ = try await client.readGreeting()
            await #expect(throws: ClientError.timedOut(.greeting)) { try await client.readGreeting() }
        }
    }
}
