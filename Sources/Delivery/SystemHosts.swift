// SPDX-License-Identifier: Apache-2.0

import Glibc
package import NIOPosix
package import SMTPWire

/// Addresses of a host that the operator named, as the system knows them (`/etc/hosts` included).
package enum SystemHosts {
    /// In the system's order of preference, at most ten.
    ///
    /// Blocks a thread of `threads`, no other.
    package static func addresses(of host: String, on threads: NIOThreadPool) async -> [IPAddress] {
        (try? await threads.runIfActive { lookUp(host) }) ?? []
    }

    private static func lookUp(_ host: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next, addresses.count < 10 {
            if let address = address(entry.pointee), !addresses.contains(address) { addresses.append(address) }
            next = entry.pointee.ai_next
        }
        return addresses
    }

    /// The address inside a `sockaddr_in` or `sockaddr_in6`: behind family and port, and in the latter behind the flow label.
    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let raw = entry.ai_addr else { return nil }
        let bytes = Array(UnsafeRawBufferPointer(start: raw, count: Int(entry.ai_addrlen)))
        switch entry.ai_family {
        case AF_INET where bytes.count >= 8: return IPAddress(bytes: Array(bytes[4..<8]))
        case AF_INET6 where bytes.count >= 24: return IPAddress(bytes: Array(bytes[8..<24]))
        default: return nil
        }
    }
}

/// A secret in the first line of a file.
package enum SecretLine {
    /// Blocking.
    ///
    /// Nil when there is no such file, or no line in its first 4 KiB.
    package static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        let line = bytes.prefix(count).prefix { $0 != 10 && $0 != 13 && $0 != 0 }
        return line.isEmpty ? nil : String(validating: line, as: UTF8.self)
    }
}
