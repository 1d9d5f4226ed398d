// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

/// A peer that sends bytes exactly as told and keeps what it gets.
final class RawPeer: Sendable {
    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let received: @Sendable ([UInt8]) -> Void

        init(_ received: @escaping @Sendable ([UInt8]) -> Void) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received(Array(buffer: Self.unwrapInboundIn(data)))
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let text = Mutex("")
    private let channel = Mutex<(any Channel)?>(nil)

    private init() {}

    static func connect(_ port: Int, autoRead: Bool = true) async throws -> RawPeer {
        let peer = RawPeer()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: autoRead)
            .channelOption(.socketOption(.so_rcvbuf), value: autoRead ? 262_144 : 8192)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Collector { bytes in peer.text.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        peer.channel.withLock { $0 = channel }
        return peer
    }

    var received: String { text.withLock { $0 } }
    var lines: [String] { received.split(separator: "\r\n").map(String.init) }

    func send(_ bytes: some Collection<UInt8> & Sendable) async throws {
        guard let channel = channel.withLock({ $0 }) else { return }
        try await channel.writeAndFlush(ByteBuffer(bytes: Array(bytes))).get()
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Ends our side only, as `nc` does at the end of its input.
    func endOutput() async throws { try await channel.withLock({ $0 })?.close(mode: .output).get() }

    func close() { channel.withLock { $0 }?.close(promise: nil) }

    /// Waits until `condition` holds for what was received, ten seconds at most.
    func wait(until condition: (String) -> Bool) async throws -> Bool {
        for _ in 0..<1000 {
            if condition(received) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    /// Waits until the other side has closed.
    func waitForClose(_ limit: Duration = .seconds(10)) async throws -> Bool {
        guard let channel = channel.withLock({ $0 }) else { return true }
        for _ in 0..<(Int(limit.components.seconds) * 100) {
            if !channel.isActive { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
