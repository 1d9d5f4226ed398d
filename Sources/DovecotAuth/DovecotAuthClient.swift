// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
package import Privacy

/// Asks Dovecot's auth socket whether a password is right, on a connection of its own for each sign-in.
package struct DovecotAuthClient: Sendable {
    private let path: String
    private let group: any EventLoopGroup
    private let time: Time

    /// From the connection to the verdict; Dovecot takes two seconds over a wrong password by itself.
    static let timeout = Duration.seconds(20)

    package init(path: String, group: any EventLoopGroup, time: Time) {
        self.path = path
        self.group = group
        self.time = time
    }

    /// The verdict, or ``DovecotVerdict/unavailable`` after the time-out, or when the task is cancelled.
    package func verify(login: Sensitive<String>, password: [UInt8]) async -> DovecotVerdict {
        // A NUL would end the password early in PLAIN, and no login holds one.
        guard !login.exposed.utf8.contains(0), !password.contains(0), !password.isEmpty else { return .rejected }
        let dialogue = DovecotAuthDialogue(
            login: login.exposed,
            password: password,
            clientID: UInt32.random(in: 1 << 22...UInt32(Int32.max))
        )
        let verdict = try? await withThrowingTaskGroup(of: DovecotVerdict.self) { group in
            group.addTask { try await converse(dialogue) }
            group.addTask {
                try await time.sleep(for: Self.timeout)
                return .unavailable
            }
            defer { group.cancelAll() }
            return try await group.next()
        }
        return verdict.flatMap { $0 } ?? .unavailable
    }

    private func converse(_ dialogue: DovecotAuthDialogue) async throws -> DovecotVerdict {
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(10))
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var dialogue = dialogue
            try await outbound.write(ByteBuffer(bytes: dialogue.opening))
            for try await buffer in inbound {
                switch dialogue.take(buffer.readableBytesView) {
                case .send(let bytes): if !bytes.isEmpty { try await outbound.write(ByteBuffer(bytes: bytes)) }
                case .ended(let verdict): return verdict
                }
            }
            // Dovecot went away in mid-dialogue.
            return .unavailable
        }
    }
}
