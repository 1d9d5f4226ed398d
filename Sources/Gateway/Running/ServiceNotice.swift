// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells the service manager how the gateway is (`sd_notify`): one datagram to `$NOTIFY_SOCKET`.
package enum ServiceNotice: Sendable {
    /// It takes mail, or is locked; the words are for `systemctl status`.
    case ready(status: StaticString)
    case status(StaticString)
    /// A reload begins; ``ready(status:)`` follows.
    case reloading
    case stopping(status: StaticString)
    /// It is alive.
    case watchdog

    /// Whether a service manager listens.
    package static var isExpected: Bool { unsafe getenv("NOTIFY_SOCKET") != nil }

    /// Sends the notice; does nothing where no service manager listens.
    package func send() {
        guard let path = unsafe getenv("NOTIFY_SOCKET").flatMap({ unsafe String(validatingCString: $0) }),
            path.count > 1
        else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let message = Array(text.utf8)
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), pointer, length)
            }
        }
    }

    private var text: String {
        switch self {
        case .ready(let status): "READY=1\nSTATUS=\(status)\nMAINPID=\(getpid())"
        case .status(let status): "STATUS=\(status)"
        case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds)\nSTATUS=reading the settings again"
        case .stopping(let status): "STOPPING=1\nSTATUS=\(status)"
        case .watchdog: "WATCHDOG=1"
        }
    }

    private static var monotonicMicroseconds: Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000 + now.tv_nsec / 1000
    }
}
