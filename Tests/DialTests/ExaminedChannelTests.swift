// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
import Dial
import NIOCore
import NIOPosix
import NIOSSL
import SMTPTransport
import Testing

@Suite("Channels whose chain the caller judges", .serialized, .timeLimit(.minutes(2)))
struct ExaminedChannelTests {
    private let contexts = ClientTLSContexts()

    private func connect(_ address: SocketAddress, _ policy: TLSPolicy) async throws -> SMTPClientConnection {
        let options = DialOptions(
            timeouts: ClientTimeouts().capped(at: .seconds(20)),
            implicitTLS: try contexts.tls(for: policy)
        )
        return try await Dialer(group: MultiThreadedEventLoopGroup.singleton).connect(
            to: .addresses([address]),
            options: options
        )
    }

    /// The channel that a pin of mx.example.org demands.
    private func channel(_ pin: Pin) throws -> RequiredChannel {
        let decision = ChannelCase(
            domain: "example.org",
            host: "mx.example.org",
            mx: .insecure,
            level: 2,
            pins: PinSet(.domain("example.org"), current: [pin]),
            dane: .notApplicable(.insecureMX),
            now: 1_700_000_000
        ).decide()
        guard case .connect(let channel) = decision.verdict else { throw TestCertificates.CannotMake() }
        return channel
    }

    private func judge(_ connection: SMTPClientConnection, _ pin: Pin) async throws -> ChannelJudgement.Action {
        let channel = try channel(pin)
        let chain = await connection.tls?.chain ?? []
        let secured = await channel.examine(
            chain,
            host: "mx.example.org",
            roots: TrustRoots([]),
            at: 1_700_000_000
        )
        return channel.judge(.secured(secured), host: "mx.example.org").action
    }

    @Test("the whole chain is recorded as it was shown, and nothing counts as verified")
    func chain() async throws {
        let pair = try TestCertificates.server.get()
        try await TLSPeer().run(try pair.server()) { address in
            let connection = try await connect(address, .examined(serverName: "mx.example.org"))
            let facts = try #require(await connection.tls)
            #expect(facts.chain == (try pair.der()))
            #expect(facts.chain.count == 2)
            #expect(facts.peerCertificate == facts.chain.first)
            #expect(facts.version == .tls13)
            #expect(!facts.isVerified)
            let outline = try #require(CertificateOutline(der: facts.chain[0]))
            #expect(facts.fingerprints == outline.fingerprints)
            connection.close()
        }
    }

    @Test("a wrong pin: the chain is there, it is judged wrong, and the server is told nothing")
    func wrongPin() async throws {
        let pair = try TestCertificates.server.get()
        let other = try #require(Pin(.publicKey, sha256: Array(repeating: 7, count: 32)))
        let peer = TLSPeer()
        try await peer.run(try pair.server()) { address in
            let connection = try await connect(address, .examined(serverName: "mx.example.org"))
            guard case .nextHost(let fault) = try await judge(connection, other) else {
                Issue.record("went on")
                return
            }
            #expect(fault.rule == .pins)
            connection.close()
            #expect(try await peer.wait { $0.closed == 1 })
            #expect(peer.all.bytes.isEmpty)
        }
    }

    @Test("the right pin lets the conversation go on", arguments: [Pin.Kind.publicKey, .certificate])
    func rightPin(kind: Pin.Kind) async throws {
        let pair = try TestCertificates.server.get()
        try await TLSPeer().run(try pair.server()) { address in
            let connection = try await connect(address, .examined(serverName: nil))
            let prints = try #require(await connection.tls?.fingerprints)
            let digest = kind == .publicKey ? prints.publicKey : prints.certificate
            guard case .proceed = try await judge(connection, try #require(Pin(kind, sha256: digest))) else {
                Issue.record("was refused")
                return
            }
            connection.close()
        }
    }

    @Test("our own certificate is shown to a server that asks, and to no other")
    func identity() async throws {
        let pair = try TestCertificates.server.get()
        let own = try TestCertificates.client.get()
        let identity = try ClientIdentity(certificatePEM: own.chainPEM, keyPEM: own.keyPEM)
        let asking = TLSPeer()
        let context = try pair.server { $0.certificateVerification = .optionalVerification }
        try await asking.run(context) { address in
            for policy in [
                TLSPolicy.examined(serverName: "mx.example.org", identity: identity),
                .examined(serverName: "mx.example.org"),
            ] { (try await connect(address, policy)).close() }
            #expect(try await asking.wait { $0.closed == 2 })
        }
        #expect(asking.all.clients == [try own.der()])
        let silent = TLSPeer()
        try await silent.run(try pair.server()) { address in
            let policy = TLSPolicy.examined(serverName: "mx.example.org", identity: identity)
            (try await connect(address, policy)).close()
            #expect(try await silent.wait { $0.closed == 1 })
        }
        #expect(silent.all.clients.isEmpty)
    }

    @Test("contexts are kept by policy and identity, whatever the server's name")
    func caching() throws {
        let own = try TestCertificates.client.get()
        let identity = try ClientIdentity(certificatePEM: own.chainPEM, keyPEM: own.keyPEM)
        let plain = try contexts.tls(for: .examined(serverName: "a.example.org")).context
        #expect(try contexts.tls(for: .examined(serverName: "b.example.org")).context === plain)
        let shown = try contexts.tls(for: .examined(serverName: nil, identity: identity)).context
        #expect(shown !== plain)
        #expect(try contexts.tls(for: .examined(serverName: "a.example.org", identity: identity)).context === shown)
        #expect(try contexts.tls(for: .verify(hostname: "a.example.org")).context !== plain)
    }
}
