// SPDX-License-Identifier: Apache-2.0

/// The traffic between two addresses, as a policy's selector sees it.
struct IPsecTraffic: Equatable {
    let local: [UInt8]
    let remote: [UInt8]
    /// The interface that the route leaves by.
    let interface: UInt32
    /// SMTP's.
    let remotePort: UInt16 = 25
}

/// What the kernel's IPsec tables say: policies (what must be protected how) and states (the keys that do it).
struct IPsecTables {
    enum Direction: UInt8 { case inbound = 0, outbound = 1 }

    struct Template: Equatable {
        let destination: [UInt8]
        let source: [UInt8]
        let spi: [UInt8]
        let proto: UInt8
        let requestID: UInt32
        let mode: UInt8
        let isOptional: Bool
    }

    struct Policy: Equatable {
        let selector: IPsecSelector
        let priority: UInt32
        let direction: UInt8
        let isAllow: Bool
        /// It holds only for marked packets, or for those of an interface of its own.
        let isPartial: Bool
        let templates: [Template]
    }

    struct State: Equatable {
        let destination: [UInt8]
        let source: [UInt8]
        let spi: [UInt8]
        let proto: UInt8
        let requestID: UInt32
        let mode: UInt8
        /// Whether it encrypts, and notices what was changed on the way.
        let protects: Bool
    }

    var policies: [Policy]
    var states: [State]

    private static let esp: UInt8 = 50
    private static let transportMode: UInt8 = 0

    /// Why the traffic is not protected in both directions; nil when it is.
    func obstacle(_ traffic: IPsecTraffic) -> String? {
        obstacle(traffic, .outbound) ?? obstacle(traffic, .inbound)
    }

    private func obstacle(_ traffic: IPsecTraffic, _ direction: Direction) -> String? {
        let way = direction == .outbound ? "to" : "from"
        let matching = policies.filter {
            $0.direction == direction.rawValue && $0.selector.covers(traffic, direction)
        }
        // A lower number comes first.
        guard let first = matching.map(\.priority).min() else { return "no IPsec policy covers mail \(way) the host" }
        let counting = matching.filter { $0.priority == first }
        if counting.contains(where: \.isPartial) {
            return "the IPsec policy for mail \(way) the host holds for marked packets only"
        }
        for policy in counting {
            guard policy.isAllow else { return "the IPsec policy for mail \(way) the host blocks it" }
            guard let template = policy.templates.first(where: { $0.proto == Self.esp && !$0.isOptional }) else {
                return "the IPsec policy for mail \(way) the host does not require ESP"
            }
            guard states.contains(where: { fits($0, template, traffic, direction) }) else {
                return "there is no IPsec state that encrypts mail \(way) the host"
            }
        }
        return nil
    }

    private func fits(_ state: State, _ template: Template, _ traffic: IPsecTraffic, _ direction: Direction) -> Bool {
        // In transport mode the packet's own addresses count.
        let isTransport = template.mode == Self.transportMode
        let (from, to) =
            direction == .outbound ? (traffic.local, traffic.remote) : (traffic.remote, traffic.local)
        let source = isTransport ? from : template.source
        let destination = isTransport ? to : template.destination
        return state.protects && state.proto == Self.esp && state.mode == template.mode
            && (template.requestID == 0 || template.requestID == state.requestID)
            && (template.spi.allSatisfy { $0 == 0 } || template.spi == state.spi)
            && IPsecSelector.begins(state.destination, with: destination)
            && (source.allSatisfy { $0 == 0 } || IPsecSelector.begins(state.source, with: source))
    }
}

/// Which traffic a policy is for (`struct xfrm_selector`, 56 octets).
struct IPsecSelector: Equatable {
    static let byteCount = 56
    private static let tcp: UInt8 = 6

    /// 16 octets each, of which IPv4 uses the first four.
    let destination: [UInt8]
    let source: [UInt8]
    let destinationPrefix: Int
    let sourcePrefix: Int
    let family: UInt16
    let proto: UInt8
    /// In network order, with their masks.
    let destinationPort: (value: UInt16, mask: UInt16)
    let sourcePort: (value: UInt16, mask: UInt16)
    let interface: UInt32

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.byteCount, let family = NativeOrder.number16(bytes, at: 40),
            let interface = NativeOrder.number32(bytes, at: 48)
        else { return nil }
        let port = { (offset: Int) in UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1]) }
        destination = Array(bytes[0..<16])
        source = Array(bytes[16..<32])
        destinationPort = (port(32), port(34))
        sourcePort = (port(36), port(38))
        self.family = family
        destinationPrefix = Int(bytes[42])
        sourcePrefix = Int(bytes[43])
        proto = bytes[44]
        self.interface = interface
    }

    static func == (left: IPsecSelector, right: IPsecSelector) -> Bool {
        left.destination == right.destination && left.source == right.source && left.family == right.family
            && left.destinationPrefix == right.destinationPrefix && left.sourcePrefix == right.sourcePrefix
            && left.proto == right.proto && left.destinationPort == right.destinationPort
            && left.sourcePort == right.sourcePort && left.interface == right.interface
    }

    func covers(_ traffic: IPsecTraffic, _ direction: IPsecTables.Direction) -> Bool {
        let isOut = direction == .outbound
        let remotePort = isOut ? destinationPort : sourcePort
        let localPort = isOut ? sourcePort : destinationPort
        return (family == 0 || family == (traffic.remote.count == 4 ? 2 : 10))
            && Self.holds(destination, destinationPrefix, isOut ? traffic.remote : traffic.local)
            && Self.holds(source, sourcePrefix, isOut ? traffic.local : traffic.remote)
            && (proto == 0 || proto == Self.tcp) && (interface == 0 || interface == traffic.interface)
            && traffic.remotePort & remotePort.mask == remotePort.value & remotePort.mask
            // Ours is any, so a policy for one of them is for none of them.
            && localPort.mask == 0
    }

    static func begins(_ kernel: [UInt8], with address: [UInt8]) -> Bool {
        kernel.count >= address.count && kernel.prefix(address.count).elementsEqual(address)
    }

    private static func holds(_ network: [UInt8], _ prefix: Int, _ address: [UInt8]) -> Bool {
        guard prefix <= address.count * 8, network.count >= address.count else { return false }
        return (0..<prefix).allSatisfy { bit in
            (network[bit / 8] ^ address[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }
}

extension IPsecTables {
    static let getPolicies: UInt16 = 0x15
    static let getStates: UInt16 = 0x12
    private static let policyBytes = 168
    private static let stateBytes = 224
    private static let templateBytes = 64

    /// Reads the answers to ``getPolicies`` and ``getStates``; what can't be read is as if it weren't there.
    init(policies: [NetlinkMessage], states: [NetlinkMessage]) {
        self.policies = policies.compactMap(Self.policy)
        self.states = states.compactMap(Self.state)
    }

    /// `struct xfrm_userpolicy_info`.
    private static func policy(_ message: NetlinkMessage) -> Policy? {
        let body = message.body
        guard message.type == 0x13, body.count >= policyBytes, let selector = IPsecSelector(body),
            let priority = NativeOrder.number32(body, at: 152)
        else { return nil }
        let attributes = message.attributes(behind: policyBytes)
        let isMarked = attributes[21].map { $0.dropFirst(4).contains { $0 != 0 } } ?? false
        let hasInterface = attributes[31].map { $0.contains { $0 != 0 } } ?? false
        let list = attributes[5] ?? []
        let templates = stride(from: 0, to: list.count / templateBytes * templateBytes, by: templateBytes).map {
            template(Array(list[$0..<($0 + templateBytes)]))
        }
        return Policy(
            selector: selector,
            priority: priority,
            direction: body[160],
            isAllow: body[161] == 0,
            isPartial: isMarked || hasInterface,
            templates: templates.compactMap { $0 }
        )
    }

    /// `struct xfrm_user_tmpl`.
    private static func template(_ bytes: [UInt8]) -> Template? {
        guard let requestID = NativeOrder.number32(bytes, at: 44), let family = NativeOrder.number16(bytes, at: 24)
        else {
            return nil
        }
        let count = family == 2 ? 4 : 16
        return Template(
            destination: Array(bytes[0..<count]),
            source: Array(bytes[28..<(28 + count)]),
            spi: Array(bytes[16..<20]),
            proto: bytes[20],
            requestID: requestID,
            mode: bytes[48],
            isOptional: bytes[50] != 0
        )
    }

    /// `struct xfrm_usersa_info`.
    private static func state(_ message: NetlinkMessage) -> State? {
        let body = message.body
        guard message.type == 0x10, body.count >= stateBytes, let requestID = NativeOrder.number32(body, at: 208) else {
            return nil
        }
        return State(
            destination: Array(body[56..<72]),
            source: Array(body[80..<96]),
            spi: Array(body[72..<76]),
            proto: body[76],
            requestID: requestID,
            mode: body[214],
            protects: protects(message.attributes(behind: stateBytes))
        )
    }

    /// By its algorithms' names: RFC 4543 authenticates only, and the null cipher hides nothing.
    private static func protects(_ attributes: [UInt16: [UInt8]]) -> Bool {
        let name = { (type: UInt16) in
            attributes[type].map { String(decoding: $0.prefix(64).prefix { $0 != 0 }, as: UTF8.self) }
        }
        if let combined = name(18) { return !combined.hasPrefix("rfc4543(") }
        guard let cipher = name(2), let check = name(20) ?? name(1) else { return false }
        return !cipher.contains("cipher_null") && !check.contains("digest_null")
    }
}
