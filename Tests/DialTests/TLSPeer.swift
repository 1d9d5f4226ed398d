// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport

/// A server on loopback that begins with TLS, greets, and keeps what it is told and shown.
final class TLSPeer: Sendable {
    struct Seen {
        /// Octets that came inside TLS.
        var bytes: [UInt8] = []
        /// What each client showed of itself, in DER.
        var clients: [[[UInt8]]] = []
        var closed = 0
    }

    private final class Session: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let peer: TLSPeer
        let greeting: [UInt8]
        let closes: Bool
        let isEncrypted: Bool

        init(_ peer: TLSPeer, greeting: [UInt8], closes: Bool, isEncrypted: Bool) {
            self.peer = peer
            self.isEncrypted = isEncrypted
            self.greeting = greeting
            self.closes = closes
        }

        func channelActive(context: ChannelHandlerContext) {
            if isEncrypted { answer(context) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(buffer: Self.unwrapInboundIn(data))
            peer.seen.withLock { $0.bytes += bytes }
            if !isEncrypted { answer(context) }
        }

        private func answer(_ context: ChannelHandlerContext) {
            if !greeting.isEmpty {
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: greeting)), promise: nil)
            }
            if closes { context.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { peer.seen.withLock { $0.closed += 1 } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let seen = Mutex(Seen())
    var all: Seen { seen.withLock { $0 } }

    /// Serves while `body` runs.
    ///
    /// Without `tls` it answers the first octets with `greeting` in clear, which may be anything.
    func run<Result: Sendable>(
        _ tls: NIOSSLContext?,
        greeting: [UInt8] = Array("220 peer.example.org\r\n".utf8),
        closes: Bool = false,
        _ body: @Sendable (_ address: SocketAddress) async throws -> Result
    ) async throws -> Result {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(self.handler(tls)) }
                    try channel.pipeline.syncOperations.addHandler(
                        Session(self, greeting: greeting, closes: closes, isEncrypted: tls != nil)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try server.localAddress ?? SocketAddress(ipAddress: "127.0.0.1", port: 0)
        do {
            let result = try await body(address)
            try await server.close().get()
            return result
        } catch {
            try await server.close().get()
            throw error
        }
    }

    private func handler(_ tls: NIOSSLContext) -> NIOSSLServerHandler {
        NIOSSLServerHandler(
            context: tls,
            customVerificationCallback: { certificates, promise in
                let chain = certificates.compactMap { try? $0.toDERBytes() }
                self.seen.withLock { $0.clients.append(chain) }
                promise.succeed(.certificateVerified)
            },
            configuration: .init()
        )
    }

    /// Waits until `condition` holds, ten seconds at most.
    func wait(until condition: (Seen) -> Bool) async throws -> Bool {
        for _ in 0..<1000 {
            if condition(all) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

/// Certificates that the openssl command makes when first needed: an authority, and two that it signed.
enum TestCertificates {
    struct Pair: Sendable {
        /// The certificate itself and the authority's.
        let chainPEM: [UInt8]
        let keyPEM: [UInt8]

        func chain() throws -> [NIOSSLCertificate] { try NIOSSLCertificate.fromPEMBytes(chainPEM) }
        func key() throws -> NIOSSLPrivateKey { try NIOSSLPrivateKey(bytes: keyPEM, format: .pem) }
        func der() throws -> [[UInt8]] { try chain().map { try $0.toDERBytes() } }

        func server(_ change: (inout TLSConfiguration) -> Void = { _ in }) throws -> NIOSSLContext {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try chain().map { .certificate($0) },
                privateKey: .privateKey(try key())
            )
            change(&configuration)
            return try NIOSSLContext(configuration: configuration)
        }
    }

    struct CannotMake: Error {}

    static let server = Result { try make("mx.example.org") }
    static let client = Result { try make("client.example.org") }

    private static let folder: String = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("postern-dial-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.path
    }()

    private static let authority = Result {
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=Test authority", "-keyout", folder + "/ca.key", "-out", folder + "/ca.pem",
        ])
    }

    private static func make(_ name: String) throws -> Pair {
        try authority.get()
        let path = folder + "/" + name
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-CA", folder + "/ca.pem", "-CAkey",
            folder + "/ca.key", "-keyout", path + ".key", "-out", path + ".pem",
        ])
        return Pair(
            chainPEM: try bytes(path + ".pem") + bytes(folder + "/ca.pem"),
            keyPEM: try bytes(path + ".key")
        )
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private static func openssl(_ arguments: [String]) throws {
        guard try ChildProcess.run(["openssl"] + arguments).status == 0 else { throw CannotMake() }
    }
}
