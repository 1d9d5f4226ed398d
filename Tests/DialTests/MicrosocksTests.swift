// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SMTPTransport
import TestSupport
import Testing

@testable import Dial

/// Another's proxy: Debian's microsocks.
@Suite("SOCKS5 through microsocks", .serialized, .timeLimit(.minutes(2)))
struct MicrosocksTests {
    private let dialer = Dialer(group: MultiThreadedEventLoopGroup.singleton)

    /// Runs it on a port that was free just before.
    private func withProxy(
        _ options: [String] = [],
        _ body: @Sendable (_ address: SocketAddress) async throws -> Void
    ) async throws {
        let trial = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(trial.localAddress)
        try await trial.close().get()
        let port = String(address.port ?? 0)
        let process = try ChildProcess(["microsocks", "-i", "127.0.0.1", "-p", port] + options)
        defer { process.stop() }
        for _ in 0..<1000 {
            let trial = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(to: address)
                .get()
            guard let trial else {
                try await Task.sleep(for: .milliseconds(10))
                continue
            }
            try await trial.close().get()
            break
        }
        try await body(address)
    }

    private func dial(_ proxy: SOCKSProxy, _ host: String, _ port: Int) async throws -> DialError? {
        let tls = try ClientTLSContexts().tls(for: .examined(serverName: "mx.example.org"))
        let options = DialOptions(timeouts: ClientTimeouts().capped(at: .seconds(20)), implicitTLS: tls)
        do throws(DialError) {
            let connection = try await dialer.connect(to: .proxied(proxy, host: host, port: port), options: options)
            connection.close()
            return nil
        } catch {
            return error
        }
    }

    private func expect(
        _ expected: DialError?,
        _ proxy: SOCKSProxy,
        _ host: String,
        _ port: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await dial(proxy, host, port)
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    @Test("a name and an address are reached, with TLS inside, and a closed port is refused")
    func connects() async throws {
        var isolation = SOCKSIsolation()
        let credentials = isolation.credentials(for: "x")
        try await withProxy { address in
            let proxy = SOCKSProxy(address, signIn: .whereTaken(credentials))
            try await TLSPeer().run(try TestCertificates.server.get().server()) { server in
                let port = server.port ?? 0
                try await expect(nil, proxy, "localhost", port)
                try await expect(nil, proxy, "127.0.0.1", port)
                // It lets everybody in, so that it keeps nobody apart.
                let strict = SOCKSProxy(address, signIn: .always(credentials))
                try await expect(.proxy(.noCommonMethod), strict, "localhost", port)
            }
            try await expect(.proxy(.refused(5)), proxy, "127.0.0.1", 1)
        }
    }

    @Test("user and password are taken when they are right, and only then")
    func signIn() async throws {
        try await withProxy(["-u", "gate", "-P", "opens"]) { address in
            try await TLSPeer().run(try TestCertificates.server.get().server()) { server in
                for (password, expected) in [("opens", nil), ("wrong", DialError.proxy(.signInRefused))] {
                    let credentials = try #require(SOCKSCredentials(user: "gate", password: password))
                    let proxy = SOCKSProxy(address, signIn: .always(credentials))
                    try await expect(expected, proxy, "127.0.0.1", server.port ?? 0)
                }
            }
        }
    }
}
