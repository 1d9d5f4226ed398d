// SPDX-License-Identifier: Apache-2.0

/// The way that packets to an address leave this machine.
struct PacketRoute: Equatable {
    let interface: UInt32
    /// The address that they leave with; nil when the kernel does not say.
    let source: [UInt8]?

    static let question: UInt16 = 26
    private static let answer: UInt16 = 24
    private static let header = 12

    /// The body of the question about an address of 4 or 16 octets.
    static func body(to address: [UInt8]) -> [UInt8] {
        let family: UInt8 = address.count == 4 ? 2 : 10
        let attribute = NativeOrder.bytes(UInt16(4 + address.count)) + NativeOrder.bytes(UInt16(1)) + address
        return [family, UInt8(address.count * 8)] + [UInt8](repeating: 0, count: header - 2) + attribute
    }

    init?(_ message: NetlinkMessage) {
        let attributes = message.attributes(behind: Self.header)
        guard message.type == Self.answer, message.body.count >= Self.header,
            let interface = attributes[4].flatMap({ NativeOrder.number32($0, at: 0) })
        else { return nil }
        self.interface = interface
        source = attributes[7]
    }
}

/// A network interface.
struct Interface: Equatable {
    let index: UInt32
    let isUp: Bool
    /// `wireguard`, `vlan` and so on; nil for hardware.
    let kind: String?

    static let question: UInt16 = 18
    private static let answer: UInt16 = 16
    private static let header = 16

    /// The body of the question about an interface by its name.
    static func body(named name: String) -> [UInt8] {
        let text = Array(name.utf8) + [0]
        let padding = [UInt8](repeating: 0, count: (4 - text.count % 4) % 4)
        return [UInt8](repeating: 0, count: header) + NativeOrder.bytes(UInt16(4 + text.count))
            + NativeOrder.bytes(UInt16(3))
            + text + padding
    }

    init?(_ message: NetlinkMessage) {
        guard message.type == Self.answer, let index = NativeOrder.number32(message.body, at: 4),
            let flags = NativeOrder.number32(message.body, at: 8)
        else { return nil }
        self.index = index
        isUp = flags & 1 != 0
        let details = message.attributes(behind: Self.header)[18].map { NetlinkMessage.attributes(in: $0) } ?? [:]
        kind = details[1].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Why packets on this route are not in a WireGuard tunnel of this interface; nil when they are.
    func obstacle(named name: String, _ route: PacketRoute) -> String? {
        if kind != "wireguard" { return "the interface \(name) is no WireGuard interface" }
        if !isUp { return "the WireGuard interface \(name) is down" }
        return route.interface == index
            ? nil : "the route to the host does not leave by the WireGuard interface \(name)"
    }
}
