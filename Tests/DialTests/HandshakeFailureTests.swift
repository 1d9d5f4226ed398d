// SPDX-License-Identifier: Apache-2.0

import Dial
import NIOCore
import NIOPosix
import NIOSSL
import SMTPTransport
import Testing

@Suite("Handshakes that fail say why", .serialized, .timeLimit(.minutes(2)))
struct HandshakeFailureTests {
    private func failure(_ address: SocketAddress, patience: Duration = .seconds(20)) async throws -> DialError? {
        let tls = try ClientTLSContexts().tls(for: .examined(serverName: "mx.example.org"))
        let options = DialOptions(timeouts: ClientTimeouts().capped(at: patience), implicitTLS: tls)
        do throws(DialError) {
            let connection = try await Dialer(group: MultiThreadedEventLoopGroup.singleton).connect(
                to: .addresses([address]),
                options: options
            )
            connection.close()
            return nil
        } catch {
            return error
        }
    }

    @Test("no version in common")
    func version() async throws {
        let context = try TestCertificates.server.get().server {
            $0.minimumTLSVersion = .tlsv1
            $0.maximumTLSVersion = .tlsv11
        }
        try await TLSPeer().run(context) { address in
            let error = try await failure(address)
            #expect(error == .broken(.tlsFailed(.noCommonVersion)))
        }
    }

    @Test("no suite in common")
    func cipher() async throws {
        let context = try TestCertificates.server.get().server {
            $0.maximumTLSVersion = .tlsv12
            $0.cipherSuiteValues = [.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, .TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA]
        }
        try await TLSPeer().run(context) { address in
            let error = try await failure(address)
            #expect(error == .broken(.tlsFailed(.noCommonCipher)))
        }
    }

    @Test(
        "alerts and answers that are no TLS",
        arguments: [
            ([21, 3, 3, 0, 2, 2, 70], TLSFailure.noCommonVersion),
            ([21, 3, 3, 0, 2, 2, 40], .noCommonCipher),
            ([21, 3, 3, 0, 2, 2, 71], .noCommonCipher),
            ([21, 3, 3, 0, 2, 2, 49], .alert),
            ([21, 3, 3, 0, 2, 2, 80], .alert),
            (Array("220 mx.example.org ESMTP\r\n".utf8), .malformed),
            ([22, 3, 3, 0, 4, 2, 0, 0, 0], .malformed),
        ] as [([UInt8], TLSFailure)]
    )
    func answers(bytes: [UInt8], expected: TLSFailure) async throws {
        try await TLSPeer().run(nil, greeting: bytes) { address in
            let error = try await failure(address)
            #expect(error == .broken(.tlsFailed(expected)))
        }
    }

    @Test("a server that hangs up, and one that stays silent")
    func endings() async throws {
        try await TLSPeer().run(nil, greeting: [], closes: true) { address in
            let error = try await failure(address)
            #expect(error == .broken(.tlsFailed(.closed)))
        }
        try await TLSPeer().run(nil, greeting: []) { address in
            let error = try await failure(address, patience: .milliseconds(300))
            #expect(error == .broken(.tlsFailed(.timedOut)))
        }
    }
}
