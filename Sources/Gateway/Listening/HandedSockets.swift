// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatingSystem
package import Settings

/// Listening sockets that the service manager handed over (`sd_listen_fds`).
package struct HandedSockets: Sendable {
    /// One of them.
    package struct Socket: Sendable, Equatable {
        package let descriptor: Int32
        /// `FileDescriptorName=` in the socket unit; the unit's own name when that is not set.
        package let name: String
        /// The IP address and the port that it is bound to; nil for any other kind of socket.
        package let address: String?
        package let port: Int

        package init(descriptor: Int32, name: String, address: String?, port: Int) {
            self.descriptor = descriptor
            self.name = name
            self.address = address
            self.port = port
        }
    }

    /// The first descriptor that is handed over.
    private static let first: Int32 = 3
    /// More than a unit can have listeners.
    private static let most = 1024

    package let sockets: [Socket]

    package init(_ sockets: [Socket] = []) { self.sockets = sockets }

    /// Takes what this process was given, once: the variables go, so that no child takes them for its own.
    static func take() -> HandedSockets {
        var environment: [String: String] = [:]
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
            guard let value = unsafe getenv(name) else { continue }
            environment[name] = unsafe String(validatingCString: value)
            unsafe unsetenv(name)
        }
        let sockets = descriptors(environment, process: getpid()).map { descriptor, name in
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let bound = ListeningSocket.place(of: descriptor)
            return Socket(descriptor: descriptor, name: name, address: bound?.address, port: bound?.port ?? 0)
        }
        return HandedSockets(sockets)
    }

    /// Descriptors and names by the variables of `sd_listen_fds(3)`; none when they are another process's.
    package static func descriptors(
        _ environment: [String: String],
        process: Int32
    ) -> [(descriptor: Int32, name: String)] {
        guard let pid = environment["LISTEN_PID"], Int32(pid) == process,
            let count = environment["LISTEN_FDS"].flatMap({ Int($0) }), (1...most).contains(count)
        else { return [] }
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        return (0..<count).map { (first + Int32($0), $0 < names.count ? String(names[$0]) : "") }
    }

    /// Which socket serves which listener, by its place in `listeners`.
    ///
    /// The same address and port come first; then a socket that is named after a listener's role, in order. What is left
    /// over serves nobody.
    package func matched(to listeners: [Listener]) -> [Int: Socket] {
        var matched: [Int: Socket] = [:]
        var free = sockets.filter { $0.address != nil }
        for (index, listener) in listeners.enumerated() {
            let found = free.firstIndex { $0.port == listener.port && $0.address == listener.address }
            if let found { matched[index] = free.remove(at: found) }
        }
        for (index, listener) in listeners.enumerated() where matched[index] == nil && listener.path == nil {
            let found = free.firstIndex { $0.name == listener.role.rawValue }
            if let found { matched[index] = free.remove(at: found) }
        }
        return matched
    }
}
