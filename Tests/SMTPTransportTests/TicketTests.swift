// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import SMTPTransport

@Suite("Session tickets", .serialized, .timeLimit(.minutes(2)))
struct TicketTests {
    /// A clock that stands still until it is told to go on.
    private final class StandingClock: Sendable {
        private let instant = Mutex(ContinuousClock.now)

        var now: ContinuousClock.Instant { instant.withLock { $0 } }

        func advance(by duration: Duration) { instant.withLock { $0 += duration } }
    }

    private let clock = StandingClock()

    private func contexts() throws -> ServerTLSContext {
        let files = try #require(TestCertificate.files)
        let configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
        )
        return try ServerTLSContext(configuration, now: { [clock] in clock.now })
    }

    @Test("a context lives for six hours, and connections in that time share it")
    func lifetime() throws {
        let contexts = try contexts()
        let first = contexts.current
        clock.advance(by: .seconds(6 * 3600 - 1))
        #expect(contexts.current === first)
        clock.advance(by: .seconds(1))
        let second = contexts.current
        #expect(second !== first)
        #expect(contexts.current === second)
    }

    @Test(
        "a ticket is taken by the context that gave it, and no longer twelve hours later",
        arguments: ["-tls1_2", "-tls1_3"]
    )
    func resumption(version: String) async throws {
        let contexts = try contexts()
        let session = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: session) }
        try await ToyServer().run(isImplicitTLS: true, tlsContext: { contexts.current }) { port in
            let client = ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", version, "-ign_eof"]
            // The greeting comes behind the tickets of TLS 1.3; the session goes on until the server's patience ends.
            let quit = ["sh", "-c", "printf 'QUIT\\r\\n' | exec \"$@\"", "sh"]
            let new = try ChildProcess.run(quit + client + ["-sess_out", session])
            #expect(String(decoding: new.output, as: UTF8.self).contains("New, TLSv1"))
            clock.advance(by: .seconds(3600))
            let again = try ChildProcess.run(quit + client + ["-sess_in", session])
            #expect(String(decoding: again.output, as: UTF8.self).contains("Reused, TLSv1"))
            clock.advance(by: .seconds(12 * 3600))
            let late = try ChildProcess.run(quit + client + ["-sess_in", session])
            #expect(String(decoding: late.output, as: UTF8.self).contains("New, TLSv1"))
        }
    }
}
