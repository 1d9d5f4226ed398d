// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Asks the kernel over a netlink socket of its own (RFC 3549).
struct Netlink: ~Copyable {
    /// The errno of what failed.
    struct Failure: Error, Equatable {
        let code: Int32
    }

    /// `NETLINK_ROUTE` and `NETLINK_XFRM`.
    enum Family: Int32 {
        case route = 0
        case ipsec = 6
    }

    private static let request: UInt16 = 1
    private static let dump: UInt16 = 0x300
    private static let maxBytes = 64 << 20

    private let socket: Int32

    init(_ family: Family) throws(Failure) {
        socket = Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), family.rawValue)
        guard socket >= 0 else { throw Failure(code: errno) }
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(socket) }

    /// The one answer to a question.
    func ask(_ type: UInt16, _ body: [UInt8]) throws(Failure) -> NetlinkMessage {
        try send(type, Self.request, body)
        guard let message = try receive().first else { throw Failure(code: EPROTO) }
        if let code = message.errorCode { throw Failure(code: code) }
        return message
    }

    /// Every entry of a table.
    func list(_ type: UInt16, _ body: [UInt8] = []) throws(Failure) -> [NetlinkMessage] {
        try send(type, Self.request | Self.dump, body)
        var entries: [NetlinkMessage] = []
        var bytes = 0
        while bytes < Self.maxBytes {
            let messages = try receive()
            guard !messages.isEmpty else { throw Failure(code: EPROTO) }
            for message in messages {
                if message.isDone { return entries }
                if let code = message.errorCode { throw Failure(code: code) }
                bytes += message.body.count
                entries.append(message)
            }
        }
        throw Failure(code: EOVERFLOW)
    }

    private func send(_ type: UInt16, _ flags: UInt16, _ body: [UInt8]) throws(Failure) {
        let count = UInt32(16 + body.count)
        let message =
            NativeOrder.bytes(count) + NativeOrder.bytes(type) + NativeOrder.bytes(flags)
            + [UInt8](repeating: 0, count: 8)
            + body
        let sent = unsafe message.withUnsafeBytes { unsafe Glibc.send(socket, $0.baseAddress, $0.count, 0) }
        guard sent == message.count else { throw Failure(code: errno) }
    }

    private func receive() throws(Failure) -> [NetlinkMessage] {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Failure(code: count == 0 ? EPROTO : errno) }
            return NetlinkMessage.read(Array(buffer[..<count]))
        }
    }
}

/// One message from the kernel, without its header.
struct NetlinkMessage: Equatable {
    private static let error: UInt16 = 2
    private static let done: UInt16 = 3

    let type: UInt16
    let body: [UInt8]

    var isDone: Bool { type == Self.done }

    /// The errno that it tells of; nil when it tells of none.
    var errorCode: Int32? {
        guard type == Self.error, let code = NativeOrder.number32(body, at: 0) else { return nil }
        return 0 &- Int32(bitPattern: code)
    }

    /// The messages in one datagram; what is cut short is left out.
    static func read(_ bytes: [UInt8]) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var at = 0
        while let count = NativeOrder.number32(bytes, at: at).map({ Int($0) }), count >= 16, at + count <= bytes.count,
            let type = NativeOrder.number16(bytes, at: at + 4)
        {
            messages.append(NetlinkMessage(type: type, body: Array(bytes[(at + 16)..<(at + count)])))
            at += (count + 3) & ~3
        }
        return messages
    }

    /// The attributes behind the first `offset` octets of the body; of two of one type the later counts.
    func attributes(behind offset: Int) -> [UInt16: [UInt8]] { Self.attributes(in: body, from: offset) }

    static func attributes(in bytes: [UInt8], from offset: Int = 0) -> [UInt16: [UInt8]] {
        var attributes: [UInt16: [UInt8]] = [:]
        var at = offset
        while let count = NativeOrder.number16(bytes, at: at).map({ Int($0) }), count >= 4, at + count <= bytes.count,
            let type = NativeOrder.number16(bytes, at: at + 2)
        {
            // The two highest bits are flags.
            attributes[type & 0x3FFF] = Array(bytes[(at + 4)..<(at + count)])
            at += (count + 3) & ~3
        }
        return attributes
    }
}

/// Numbers as this machine orders their octets.
enum NativeOrder {
    static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        unsafe withUnsafeBytes(of: number) { unsafe Array($0) }
    }

    static func number16(_ bytes: [UInt8], at offset: Int) -> UInt16? {
        guard offset >= 0, offset + 2 <= bytes.count else { return nil }
        return UInt16(littleEndian: UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8)
    }

    static func number32(_ bytes: [UInt8], at offset: Int) -> UInt32? {
        guard let low = number16(bytes, at: offset), let high = number16(bytes, at: offset + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }
}
