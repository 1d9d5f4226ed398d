// SPDX-License-Identifier: Apache-2.0

import Glibc
import SMTPWire

/// Whether something can listen on an address and port of this machine.
package enum PortState: Sendable, Equatable {
    case free
    /// The program that has it, where that can be seen.
    case taken(by: String?)
    /// Ports below 1024 need root or a capability, and this process has neither.
    case notAllowed
    /// No interface has the address.
    case noSuchAddress
    /// `errno`.
    case unknown(Int32)

    /// Listens there for a moment.
    package static func of(address: String, port: Int) -> PortState {
        guard let ip = IPAddress(address), let port = UInt16(exactly: port) else { return .unknown(EINVAL) }
        let family = ip.isIPv4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .unknown(errno) }
        defer { close(descriptor) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var both: Int32 = 0
        if !ip.isIPv4 {
            setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &both, socklen_t(MemoryLayout<Int32>.size))
        }
        if bind(descriptor, to: ip, port) == 0, listen(descriptor, 1) == 0 { return .free }
        switch errno {
        case EADDRINUSE: return .taken(by: PortHolder.name(of: port))
        case EACCES, EPERM: return .notAllowed
        case EADDRNOTAVAIL: return .noSuchAddress
        case let code: return .unknown(code)
        }
    }

    /// The first port from `first` on that is free on 127.0.0.1, none of `taken`; `first` when no one is.
    static func firstFree(from first: Int, except taken: Set<Int>) -> Int {
        (first..<min(first + 100, 65_536)).first { !taken.contains($0) && of(address: "127.0.0.1", port: $0) == .free }
            ?? first
    }

    /// A `sockaddr_in` or `sockaddr_in6`, octet by octet: family in the host's order, port and address in the network's.
    private static func bind(_ descriptor: Int32, to ip: IPAddress, _ port: UInt16) -> Int32 {
        let family = ip.isIPv4 ? AF_INET : AF_INET6
        var bytes = withUnsafeBytes(of: sa_family_t(family)) { Array($0) } + [UInt8(port >> 8), UInt8(port & 0xFF)]
        bytes += ip.isIPv4 ? ip.bytes + [UInt8](repeating: 0, count: 8) : [0, 0, 0, 0] + ip.bytes + [0, 0, 0, 0]
        return bytes.withUnsafeBytes { raw in
            guard let address = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
            return Glibc.bind(descriptor, address, socklen_t(raw.count))
        }
    }
}

/// Finds the program that listens on a port, in `/proc`.
enum PortHolder {
    static func name(of port: UInt16) -> String? {
        let inodes = Set(
            ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { listening(in: TextFile.read($0) ?? "", on: port) }
        )
        guard !inodes.isEmpty else { return nil }
        for process in TextFile.names(in: "/proc") where process.utf8.allSatisfy({ (48...57).contains($0) }) {
            let descriptors = "/proc/\(process)/fd"
            for descriptor in TextFile.names(in: descriptors) {
                guard let link = target(of: "\(descriptors)/\(descriptor)"), link.hasPrefix("socket:["),
                    inodes.contains(String(link.dropFirst(8).dropLast()))
                else { continue }
                return TextFile.firstLine("/proc/\(process)/comm").map { "\($0), process \(process)" }
            }
        }
        return nil
    }

    /// The inodes of sockets in state 0A (listening) whose local address ends in the port (proc(5)).
    static func listening(in table: String, on port: UInt16) -> [String] {
        let digits = String(port, radix: 16, uppercase: true)
        let ending = ":" + String(repeating: "0", count: 4 - digits.count) + digits
        return table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[1].hasSuffix(ending), fields[3] == "0A" else { return nil }
            return String(fields[9])
        }
    }

    private static func target(of link: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = bytes.withUnsafeMutableBytes { buffer in
            buffer.baseAddress.map { readlink(link, $0.assumingMemoryBound(to: CChar.self), buffer.count) } ?? -1
        }
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}
