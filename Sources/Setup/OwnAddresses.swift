// SPDX-License-Identifier: Apache-2.0

import Glibc
import SMTPWire

/// The addresses of this machine's interfaces.
enum OwnAddresses {
    static func all() -> Set<IPAddress> {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: Set<IPAddress> = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ifa_addr.flatMap(address) { found.insert(address) }
            next = entry.pointee.ifa_next
        }
        return found
    }

    /// The address inside a `sockaddr_in` or `sockaddr_in6`: behind family and port, and in the latter behind the flow label.
    private static func address(_ pointer: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        let raw = UnsafeRawPointer(pointer)
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET: return IPAddress(bytes: Array(UnsafeRawBufferPointer(start: raw + 4, count: 4)))
        case AF_INET6: return IPAddress(bytes: Array(UnsafeRawBufferPointer(start: raw + 8, count: 16)))
        default: return nil
        }
    }
}
