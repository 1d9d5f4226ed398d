// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// Who opened a unix socket, as the kernel tells (`SO_PEERCRED`).
enum PeerUser {
    /// `struct ucred` of `<sys/socket.h>`, which Swift's Glibc hides.
    private struct Credentials {
        var process: pid_t = 0
        var user: uid_t = .max
        var group: gid_t = .max
    }

    /// The user id at the time of the connection; nil for anything but a unix socket.
    static func of(_ channel: any Channel) async -> UInt32? {
        guard case .unixDomainSocket? = channel.localAddress, let provider = channel as? any SocketOptionProvider else {
            return nil
        }
        let credentials: Credentials? = try? await provider.unsafeGetSocketOption(
            level: .init(rawValue: SOL_SOCKET),
            name: .init(rawValue: SO_PEERCRED)
        ).get()
        guard let credentials, credentials.user != .max else { return nil }
        return credentials.user
    }
}
