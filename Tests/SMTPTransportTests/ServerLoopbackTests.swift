// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SMTPWire
import TestSupport
import Testing

@testable import SMTPTransport

@Suite("Server connections over loopback", .serialized, .timeLimit(.minutes(2)))
struct ServerLoopbackTests {
    private let message = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"

    @Test("a dialogue is answered command by command, and QUIT closes")
    func dialogue() async throws {
        let server = ToyServer()
        try await server.run { port in
            let peer = try await RawPeer.connect(port)
            #expect(try await peer.wait { $0.hasPrefix("220 ") })
            try await peer.send("EHLO x\r\n" + message)
            #expect(try await peer.wait { $0.contains("354 ") })
            try await peer.send("Subject: x\r\n\r\nhello\r\n..dot\r\n.\r\nQUIT\r\n")
            #expect(try await peer.waitForClose())
            #expect(peer.lines.suffix(2).map { String($0.prefix(9)) } == ["250 2.0.0", "221 2.0.0"])
        }
        #expect(server.messages.map(\.content) == [Array("Subject: x\r\n\r\nhello\r\n.dot\r\n".utf8)])
    }

    @Test("a client that ends its output after QUIT still gets every reply")
    func halfClose() async throws {
        let server = ToyServer()
        try await server.run { port in
            let peer = try await RawPeer.connect(port)
            try await peer.send(
                "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 6 LAST\r\nhi\r\n\r\nQUIT\r\n"
            )
            try? await peer.endOutput()
            #expect(try await peer.waitForClose())
            #expect(peer.lines.map { String($0.prefix(3)) } == ["220", "250", "250", "250", "250", "221"])
        }
        #expect(server.messages.count == 1)
    }

    @Test("a bare LF in the content gets its 5xx, then the end")
    func bareLineFeed() async throws {
        let server = ToyServer()
        try await server.run { port in
            let peer = try await RawPeer.connect(port)
            try await peer.send("EHLO x\r\n" + message)
            #expect(try await peer.wait { $0.contains("354 ") })
            try await peer.send("hello\n.\r\nMAIL FROM:<evil@example.org>\r\n")
            #expect(try await peer.waitForClose())
            #expect(peer.lines.last?.hasPrefix("554 5.6.0") == true)
        }
        #expect(server.messages.isEmpty)
        #expect(server.events == ["EHLO", "MAIL", "RCPT", "DATA", "bare-lf"])
    }

    @Test("commands behind STARTTLS in one segment are never answered")
    func startTLSInjection() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context()) { port in
            let peer = try await RawPeer.connect(port)
            try await peer.send("EHLO x\r\nSTARTTLS\r\nNOOP\r\nEHLO y\r\n")
            #expect(try await peer.waitForClose())
            #expect(peer.lines.last?.hasPrefix("554 ") == true)
            #expect(!peer.received.contains("220 2.0.0"))
        }
        #expect(server.events == ["EHLO", "STARTTLS", "no-tls"])
    }

    @Test("clear text instead of a handshake ends the connection and nothing of it is parsed")
    func clearTextAfterGoAhead() async throws {
        let server = ToyServer()
        try await server.run(tls: try TestCertificate.context()) { port in
            let peer = try await RawPeer.connect(port)
            try await peer.send("EHLO x\r\nSTARTTLS\r\n")
            #expect(try await peer.wait { $0.contains("220 2.0.0") })
            try await peer.send("NOOP\r\nMAIL FROM:<>\r\n")
            #expect(try await peer.waitForClose())
        }
        #expect(server.events == ["EHLO", "STARTTLS", "no-tls"])
    }

    @Test("100,000 NOOPs in one write are all answered, and events are handed over 64 at a time")
    func noopFlood() async throws {
        let server = ToyServer()
        try await server.run { port in
            let peer = try await RawPeer.connect(port)
            let flood = Array(repeating: Array("NOOP\r\n".utf8), count: 100_000).flatMap { $0 }
            try await peer.send(flood + Array("QUIT\r\n".utf8))
            #expect(try await peer.waitForClose(.seconds(60)))
            #expect(
                peer.received.utf8.count == "220 toy.example.org ESMTP\r\n".utf8.count + 100_000
                    * "250 2.0.0 ok\r\n".utf8.count + "221 2.0.0 goodbye\r\n".utf8.count
            )
        }
        #expect(server.events.count == 100_001)
    }

    @Test("a deadline counts from the start of the line, not from its last byte")
    func slowLine() async throws {
        var limits = FramingLimits()
        limits.commandTimeout = .milliseconds(400)
        let server = ToyServer()
        try await server.run(limits: limits) { port in
            let peer = try await RawPeer.connect(port)
            #expect(try await peer.wait { $0.hasPrefix("220 ") })
            for byte in Array("NOOP NOOP NOOP NOOP NOOP".utf8) {
                try? await peer.send([byte])
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try await peer.waitForClose())
            #expect(peer.lines.last?.hasPrefix("421 4.4.2") == true)
        }
        #expect(server.events == ["timed-out"])
    }

    @Test("content that drips in is given up while an honest session goes on")
    func slowContent() async throws {
        var limits = FramingLimits()
        limits.bodyGrace = .milliseconds(500)
        let server = ToyServer()
        try await server.run(limits: limits) { port in
            let slow = try await RawPeer.connect(port)
            try await slow.send("EHLO x\r\n" + message)
            #expect(try await slow.wait { $0.contains("354 ") })
            let honest = try await RawPeer.connect(port)
            try await honest.send("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 4 LAST\r\nhi\r\nQUIT\r\n")
            for _ in 0..<20 {
                try? await slow.send("a")
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try await slow.waitForClose())
            #expect(slow.lines.last?.hasPrefix("421 ") == true)
            #expect(honest.lines.last?.hasPrefix("221 ") == true)
        }
        #expect(server.messages.count == 1)
    }

    @Test("a peer that never reads is dropped at the write deadline")
    func slowReader() async throws {
        var limits = FramingLimits()
        limits.writeTimeout = .milliseconds(500)
        let server = ToyServer()
        try await server.run(limits: limits) { port in
            let peer = try await RawPeer.connect(port, autoRead: false)
            let flood = Array(repeating: Array("NOOP\r\n".utf8), count: 20_000).flatMap { $0 }
            // Far more replies than the kernel's buffers hold; writing fails or stalls when the server has gone.
            let writer = Task { for _ in 0..<200 { try await peer.send(flood) } }
            for _ in 0..<2000 where server.events.last != "ended" { try await Task.sleep(for: .milliseconds(10)) }
            #expect(server.events.last == "ended")
            peer.close()
            _ = await writer.result
        }
    }

    @Test("a client over its limit gets 421 and is closed; others are served")
    func connectionLimits() async throws {
        let counting = ConnectionLimits(maxTotal: 10, maxPerClient: 2)
        let server = ToyServer()
        try await server.run(connectionLimits: counting) { port in
            let first = try await RawPeer.connect(port)
            let second = try await RawPeer.connect(port)
            #expect(try await first.wait { $0.hasPrefix("220 ") })
            #expect(try await second.wait { $0.hasPrefix("220 ") })
            let third = try await RawPeer.connect(port)
            #expect(try await third.waitForClose())
            #expect(third.lines == ["421 4.7.0 too many connections, try again later"])
            try await first.send("QUIT\r\n")
            #expect(try await first.waitForClose())
            for _ in 0..<500 where counting.current > 1 { try await Task.sleep(for: .milliseconds(10)) }
            let fourth = try await RawPeer.connect(port)
            #expect(try await fourth.wait { $0.hasPrefix("220 ") })
        }
        #expect(counting.current == 0)
    }

    @Test("draining asks every session to end, an idle one at once")
    func draining() async throws {
        let server = ToyServer()
        let peer = try await server.run { port in
            let peer = try await RawPeer.connect(port)
            #expect(try await peer.wait { $0.hasPrefix("220 ") })
            return peer
        }
        #expect(try await peer.waitForClose())
        #expect(peer.lines.last?.hasPrefix("421 4.3.2") == true)
        #expect(server.events == ["drain"])
    }

    @Test(
        "10 MB of random bytes in each state harm nothing",
        arguments: [
            "", "EHLO x\r\n", "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", "BDAT 900000000\r\n",
            "AUTH LOGIN\r\n",
        ]
    )
    func randomBytes(prefix: String) async throws {
        let server = ToyServer()
        try await server.run { port in
            let peer = try await RawPeer.connect(port)
            try await peer.send(prefix)
            try await Task.sleep(for: .milliseconds(50))
            var generator = SeededGenerator(seed: 1)
            for _ in 0..<80 {
                var bytes = [UInt8](repeating: 0, count: 131_072)
                for index in stride(from: 0, to: bytes.count, by: 8) {
                    withUnsafeBytes(of: generator.next()) { for offset in 0..<8 { bytes[index + offset] = $0[offset] } }
                }
                guard (try? await peer.send(bytes)) != nil else { break }
            }
            let honest = try await RawPeer.connect(port)
            try await honest.send("EHLO x\r\nQUIT\r\n")
            #expect(try await honest.wait { $0.contains("221 ") })
            peer.close()
        }
    }
}
