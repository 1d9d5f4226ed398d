// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import NIOCore
import SMTPWire
import TestSupport
import Testing

@testable import SMTPTransport

@Suite("TLS on the server's side", .serialized, .timeLimit(.minutes(2)))
struct TLSTests {
    private let name: Domain

    init() throws { name = try #require(Domain("client.example.org")) }

    /// A client that has brought TLS up; what is written to its channel goes out as it is, encrypted.
    private func encryptedClient(_ port: Int) async throws -> SMTPClientConnection {
        let client = try await ToyServer.connect(port)
        _ = try await client.readGreeting()
        _ = try await client.hello(name)
        #expect(try await client.startTLS(try TestCertificate.acceptAny()) == nil)
        return client
    }

    @Test("keys are read clear and encrypted, and each mistake has its name")
    func keys() throws {
        let files = try #require(TestCertificate.files)
        _ = try ServerTLS.context(certificateFile: files.certificate, keyFile: files.key)
        _ = try ServerTLS.context(
            certificateFile: files.certificate,
            keyFile: files.encryptedKey,
            passphrase: Array("secret".utf8)
        )
        #expect(throws: ServerTLS.Failure.passphraseWrong) {
            try ServerTLS.context(
                certificateFile: files.certificate,
                keyFile: files.encryptedKey,
                passphrase: Array("wrong".utf8)
            )
        }
        #expect(throws: ServerTLS.Failure.passphraseWrong) {
            try ServerTLS.context(certificateFile: files.certificate, keyFile: files.encryptedKey)
        }
        #expect(throws: ServerTLS.Failure.keyUnreadable) {
            try ServerTLS.context(certificateFile: files.certificate, keyFile: "/nonexistent")
        }
        #expect(throws: ServerTLS.Failure.certificateUnreadable) {
            try ServerTLS.context(certificateFile: files.key + "x", keyFile: files.key)
        }
    }

    @Test("what was said before STARTTLS is forgotten by the framing, and a connection cut in a chunk stores nothing")
    func cutInChunk() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context()) { port in
            let client = try await encryptedClient(port)
            let text = "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.org>\r\nBDAT 1000 LAST\r\nhalf a message\r\n"
            try await client.channel.writeAndFlush(ByteBuffer(string: text)).get()
            try await Task.sleep(for: .milliseconds(200))
            client.close()
            for _ in 0..<500 where server.events.last != "ended" { try await Task.sleep(for: .milliseconds(10)) }
        }
        #expect(server.messages.isEmpty)
        #expect(server.events.suffix(2) == ["BDAT", "ended"])
    }

    @Test("10 MB of random bytes inside TLS harm nothing")
    func randomBytes() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context()) { port in
            let client = try await encryptedClient(port)
            var generator = SeededGenerator(seed: 3)
            for _ in 0..<80 {
                let bytes = (0..<16_384).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
                guard (try? await client.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()) != nil else { break }
            }
            let honest = try await encryptedClient(port)
            #expect(try await honest.hello(name).code == 250)
            await honest.quit()
            client.close()
        }
    }

    @Test("content is not read from the socket while the session is busy")
    func backPressure() async throws {
        let gate = AsyncStream.makeStream(of: Void.self)
        let received = AsyncStream.makeStream(of: Int.self)
        let listener = try await SMTPListener.bind(
            SMTPListener.Configuration(host: "127.0.0.1", port: 0),
            group: ToyServer.group
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await listener.run { connection in
                    connection.reply(.greeting("toy.example.org"))
                    _ = await connection.next()
                    connection.reply(.startMailInput, then: .body)
                    await connection.flush()
                    for await _ in gate.stream { break }
                    var total = 0
                    while case .bodyChunk(let chunk)? = await connection.next() { total += chunk.readableBytes }
                    received.continuation.yield(total)
                }
            }
            let peer = try await RawPeer.connect(listener.port)
            try await peer.send("DATA\r\n")
            #expect(try await peer.wait { $0.contains("354 ") })
            let line = Array((String(repeating: "x", count: 998) + "\r\n").utf8)
            let content = Array(repeating: line, count: 20_000).flatMap { $0 }
            let isWritten = Flag()
            let writing = Task {
                try await peer.send(content + Array(".\r\n".utf8))
                isWritten.set()
            }
            try await Task.sleep(for: .milliseconds(500))
            #expect(!isWritten.isSet, "20 MB went nowhere while nobody read")
            gate.continuation.yield()
            var totals = received.stream.makeAsyncIterator()
            #expect(await totals.next() == content.count)
            try await writing.value
            listener.drain()
            try await group.waitForAll()
        }
    }
}
