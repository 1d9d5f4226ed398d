// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import OperatingSystem

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
        Datagram.send(Array(text.utf8), to: path)
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

    /// By CLOCK_MONOTONIC, which is NIO's clock too.
    private static var monotonicMicroseconds: UInt64 { NIODeadline.now().uptimeNanoseconds / 1000 }
}
