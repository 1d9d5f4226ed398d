// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#endif

/// Tells the service manager how the gateway is (`sd_notify`): one datagram to `$NOTIFY_SOCKET`.
package enum ServiceNotice: Sendable {
    case ready(status: StaticString)
    case stopping

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
        case .stopping: "STOPPING=1"
        }
    }
}
