// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// The command line's end of the control socket.
///
/// Blocking, one question at a time; not for use on an event loop.
package struct ControlClient: ~Copyable {
    private let socket: Int32

    /// Connects to the gateway at `path`; `.noGateway` when none listens there.
    ///
    /// An answer that takes longer than `patience` counts as none.
    package init(path: String, patience: Duration? = nil) throws(ControlError) {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw .noGateway }
        guard Self.connect(socket, to: path) else {
            close(socket)
            throw .noGateway
        }
        if let patience { limitWaiting(to: patience) }
    }

    deinit { close(socket) }

    package func ask(_ request: ControlRequest) throws -> ControlResponse {
        var line = try JSONEncoder().encode(request)
        line.append(10)
        try send(Array(line))
        let answer = try receiveLine()
        return try JSONDecoder().decode(ControlResponse.self, from: Data(answer))
    }

    private func send(_ bytes: [UInt8]) throws(ControlError) {
        var sent = 0
        while sent < bytes.count {
            let written = unsafe bytes[sent...].withUnsafeBytes { buffer in
                unsafe Glibc.send(socket, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw .noAnswer }
            sent += written
        }
    }

    private func receiveLine() throws(ControlError) -> [UInt8] {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .noAnswer }
            if let end = buffer[..<count].firstIndex(of: 10) {
                line += buffer[..<end]
                return line
            }
            line += buffer[..<count]
        }
    }

    private func limitWaiting(to patience: Duration) {
        var limit = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, length)
        unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, length)
    }

    private static func connect(_ socket: Int32, to path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < room else { return false }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
