// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
package import NIOCore
import NIOPosix
package import Privacy

/// The gateway's end of the control socket: one JSON request a line in, one JSON response a line out.
///
/// Only root and the user that the gateway runs as are answered (`SO_PEERCRED`); the socket's directory is closed to all others too.
package struct ControlServer: Sendable {
    /// A request line may have this many bytes; a certificate of 1 MiB in JSON numbers fits.
    package static let maxRequestBytes = 8 << 20

    private let channel: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>
    private let path: String
    private let log: Log

    /// Binds the socket; a socket left by a process that is gone is replaced.
    package static func bind(path: String, group: any EventLoopGroup, log: Log) async throws -> ControlServer {
        unsafe unlink(path)
        let channel = try await ServerBootstrap(group: group).bind(unixDomainSocketPath: path) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    ByteToMessageHandler(LineDecoder(), maximumBufferSize: maxRequestBytes)
                )
                return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        guard unsafe chmod(path, 0o600) == 0 else { throw ControlError.socketNotPrivate }
        return ControlServer(channel: channel, path: path, log: log)
    }

    /// Answers until the task is cancelled.
    package func run(_ answer: @escaping @Sendable (ControlRequest) async -> ControlResponse) async throws {
        defer { unsafe unlink(path) }
        try await withThrowingDiscardingTaskGroup { group in
            try await channel.executeThenClose { connections in
                for try await connection in connections {
                    group.addTask { await converse(connection, answer) }
                }
            }
        }
    }

    private func converse(
        _ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>,
        _ answer: @Sendable (ControlRequest) async -> ControlResponse
    ) async {
        do {
            let caller = try await callerUserID(connection.channel)
            try await connection.executeThenClose { inbound, outbound in
                for try await line in inbound {
                    let response: ControlResponse
                    if caller != 0 && caller != getuid() {
                        response = .refused("Only root and the gateway's own user may use the control socket.")
                    } else if let request = try? JSONDecoder().decode(
                        ControlRequest.self,
                        from: Data(line.readableBytesView)
                    ) {
                        response = await answer(request)
                    } else {
                        response = .refused(
                            "The request is not one that this gateway knows; is the command line of the same version?"
                        )
                    }
                    var bytes = try JSONEncoder().encode(response)
                    bytes.append(10)
                    try await outbound.write(ByteBuffer(bytes: bytes))
                }
            }
        } catch {
            log.debug("control connection ended early")
        }
    }

    private func callerUserID(_ channel: any Channel) async throws -> uid_t {
        guard let provider = channel as? any SocketOptionProvider else { throw ControlError.noPeerCredentials }
        let credentials: PeerCredentials = try await provider.unsafeGetSocketOption(
            level: .init(rawValue: SOL_SOCKET),
            name: .init(rawValue: SO_PEERCRED)
        ).get()
        return credentials.user
    }
}

/// `struct ucred` of `<sys/socket.h>`, which Swift's Glibc hides.
private struct PeerCredentials {
    var process: pid_t = 0
    var user: uid_t = .max
    var group: gid_t = .max
}

/// What keeps the control socket from working.
package enum ControlError: Error {
    case socketNotPrivate
    case noPeerCredentials
    /// No gateway listens at the path.
    case noGateway
    /// The gateway closed the connection before it answered.
    case noAnswer
}

/// Lines that end in LF, without it.
private struct LineDecoder: ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let end = buffer.readableBytesView.firstIndex(of: 10),
            let line = buffer.readSlice(length: end - buffer.readerIndex)
        else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 1)
        context.fireChannelRead(wrapInboundOut(line))
        return .continue
    }
}
