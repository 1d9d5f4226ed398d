// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Listening sockets outside any event loop: bound while the process has one thread, or handed over to it.
package enum ListeningSocket {
    /// Binds; nil when the system refuses.
    ///
    /// - Parameter address: an IP address.
    package static func bind(address: String, port: Int) -> Int32? {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(address, "\(port)", &hints, &found) == 0, let place = unsafe found else { return nil }
        defer { unsafe freeaddrinfo(place) }
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = unsafe socket(place.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { return nil }
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe Glibc.bind(descriptor, place.pointee.ai_addr, place.pointee.ai_addrlen) == 0,
            listen(descriptor, 512) == 0
        else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// The IP address and port that a socket is bound to; nil for any other kind of socket.
    package static func place(of descriptor: Int32) -> (address: String, port: Int)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe getsockname(descriptor, address, &length) == 0 else { return Int32(-1) }
                return unsafe getnameinfo(
                    address,
                    length,
                    &host,
                    socklen_t(host.count),
                    &service,
                    socklen_t(service.count),
                    NI_NUMERICHOST | NI_NUMERICSERV
                )
            }
        }
        guard result == 0, [sa_family_t(AF_INET), sa_family_t(AF_INET6)].contains(storage.ss_family),
            let port = Int(text(service))
        else { return nil }
        return (text(host), port)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
