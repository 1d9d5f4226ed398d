// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import Settings
import Testing

@testable import Links

private let local: [UInt8] = [10, 0, 0, 1]
private let remote: [UInt8] = [10, 0, 0, 2]
private let traffic = IPsecTraffic(local: local, remote: remote, interface: 7)

private func wide(_ address: [UInt8]) -> [UInt8] { address + [UInt8](repeating: 0, count: 16 - address.count) }

private func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    NativeOrder.bytes(UInt16(value.count + 4)) + NativeOrder.bytes(type) + value
        + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
}

/// A policy as the kernel writes it; `change` may alter its fixed part.
private func policy(
    _ direction: IPsecTables.Direction,
    priority: UInt32 = 0,
    prefix: UInt8 = 32,
    templates: [[UInt8]] = [template()],
    more: [UInt8] = [],
    change: (inout [UInt8]) -> Void = { _ in }
) -> NetlinkMessage {
    let (from, to) = direction == .outbound ? (local, remote) : (remote, local)
    var body = wide(to) + wide(from) + [UInt8](repeating: 0, count: 136)
    body.replaceSubrange(40..<42, with: NativeOrder.bytes(UInt16(2)))
    (body[42], body[43]) = (prefix, prefix)
    body.replaceSubrange(152..<156, with: NativeOrder.bytes(priority))
    body[160] = direction.rawValue
    change(&body)
    return NetlinkMessage(type: 0x13, body: body + attribute(5, templates.flatMap { $0 }) + more)
}

private func template(
    from: [UInt8] = [0, 0, 0, 0],
    to: [UInt8] = [0, 0, 0, 0],
    proto: UInt8 = 50,
    mode: UInt8 = 0,
    requestID: UInt32 = 0,
    isOptional: Bool = false
) -> [UInt8] {
    var bytes = wide(to) + [0, 0, 0, 0, proto, 0, 0, 0] + NativeOrder.bytes(UInt16(2)) + [0, 0] + wide(from)
    bytes += NativeOrder.bytes(requestID) + [mode, 0, isOptional ? 1 : 0, 0] + [UInt8](repeating: 0xFF, count: 12)
    return bytes
}

private func state(
    from: [UInt8],
    to: [UInt8],
    mode: UInt8 = 0,
    requestID: UInt32 = 0,
    algorithms: [UInt8] = gcm
) -> NetlinkMessage {
    var body = [UInt8](repeating: 0, count: 224)
    body.replaceSubrange(56..<72, with: wide(to))
    body.replaceSubrange(72..<77, with: [0, 0, 1, 0, 50])
    body.replaceSubrange(80..<96, with: wide(from))
    body.replaceSubrange(208..<212, with: NativeOrder.bytes(requestID))
    body[214] = mode
    return NetlinkMessage(type: 0x10, body: body + algorithms)
}

private func algorithm(_ type: UInt16, _ name: String) -> [UInt8] {
    attribute(type, Array(name.utf8) + [UInt8](repeating: 0, count: 72 - name.utf8.count))
}

private let gcm = algorithm(18, "rfc4106(gcm(aes))")
private let bothPolicies = [policy(.outbound), policy(.inbound)]
private let bothStates = [state(from: local, to: remote), state(from: remote, to: local)]

private func obstacle(_ policies: [NetlinkMessage], _ states: [NetlinkMessage] = bothStates) -> String? {
    IPsecTables(policies: policies, states: states).obstacle(traffic)
}

@Suite("IPsec, as the kernel's tables tell of it")
struct IPsecTests {
    @Test("traffic is protected where the first policy requires ESP both ways, and states encrypt it both ways")
    func protected() {
        #expect(obstacle(bothPolicies) == nil)
        #expect(obstacle([policy(.outbound, prefix: 24), policy(.inbound, prefix: 0)]) == nil)
        let classic = algorithm(2, "cbc(aes)") + algorithm(20, "hmac(sha256)")
        #expect(obstacle(bothPolicies, [state(from: local, to: remote, algorithms: classic), bothStates[1]]) == nil)
        let ours: [UInt8] = [192, 0, 2, 1]
        let theirs: [UInt8] = [192, 0, 2, 2]
        let tunnel = [
            policy(.outbound, templates: [template(from: ours, to: theirs, mode: 1, requestID: 9)]),
            policy(.inbound, templates: [template(from: theirs, to: ours, mode: 1, requestID: 9)]),
        ]
        let tunnelStates = [
            state(from: ours, to: theirs, mode: 1, requestID: 9), state(from: theirs, to: ours, mode: 1, requestID: 9),
        ]
        #expect(obstacle(tunnel, tunnelStates) == nil)
        #expect(obstacle(tunnel, bothStates)?.contains("no IPsec state") == true)
    }

    static let weak: [(String, [NetlinkMessage], [NetlinkMessage], String)] = [
        ("no tables", [], [], "no IPsec policy covers mail to"),
        ("one way only", [policy(.outbound)], bothStates, "no IPsec policy covers mail from"),
        ("no state", bothPolicies, [], "no IPsec state that encrypts mail to"),
        ("a state one way", bothPolicies, [bothStates[0]], "no IPsec state that encrypts mail from"),
        (
            "another host", [policy(.outbound) { $0[3] = 9 }, policy(.inbound)], bothStates,
            "no IPsec policy covers mail to"
        ),
        ("UDP", [policy(.outbound) { $0[44] = 17 }, policy(.inbound)], bothStates, "no IPsec policy covers mail to"),
        (
            "another port",
            [policy(.outbound) { $0.replaceSubrange(32..<36, with: [1, 187, 255, 255]) }, policy(.inbound)], bothStates,
            "no IPsec policy covers mail to"
        ),
        (
            "one of our ports",
            [policy(.outbound) { $0.replaceSubrange(36..<40, with: [0, 25, 255, 255]) }, policy(.inbound)], bothStates,
            "no IPsec policy covers mail to"
        ),
        (
            "another interface",
            [policy(.outbound) { $0[48] = 8 }, policy(.inbound)], bothStates, "no IPsec policy covers mail to"
        ),
        ("a block", [policy(.outbound) { $0[161] = 1 }, policy(.inbound)], bothStates, "blocks it"),
        (
            "optional ESP", [policy(.outbound, templates: [template(isOptional: true)]), policy(.inbound)], bothStates,
            "does not require ESP"
        ),
        (
            "AH only", [policy(.outbound, templates: [template(proto: 51)]), policy(.inbound)], bothStates,
            "does not require ESP"
        ),
        (
            "an exception before it",
            bothPolicies.map { _ in policy(.outbound, priority: 5) }
                + [policy(.outbound, priority: 1, templates: []), policy(.inbound)], bothStates, "does not require ESP"
        ),
        (
            "an exception beside it", bothPolicies + [policy(.outbound, templates: [])], bothStates,
            "does not require ESP"
        ),
        (
            "marked packets", [policy(.outbound, more: attribute(21, [1, 0, 0, 0, 255, 0, 0, 0])), policy(.inbound)],
            bothStates, "marked packets only"
        ),
        (
            "an interface of its own", [policy(.outbound, more: attribute(31, [4, 0, 0, 0])), policy(.inbound)],
            bothStates,
            "marked packets only"
        ),
        (
            "no encryption", bothPolicies,
            [
                state(
                    from: local,
                    to: remote,
                    algorithms: algorithm(2, "ecb(cipher_null)") + algorithm(20, "hmac(sha1)")
                ),
                bothStates[1],
            ], "no IPsec state that encrypts"
        ),
        (
            "authentication only", bothPolicies,
            [state(from: local, to: remote, algorithms: algorithm(18, "rfc4543(gcm(aes))")), bothStates[1]],
            "no IPsec state that encrypts"
        ),
        (
            "no authentication", bothPolicies,
            [state(from: local, to: remote, algorithms: algorithm(2, "cbc(aes)")), bothStates[1]],
            "no IPsec state that encrypts"
        ),
        (
            "a state that is being negotiated", bothPolicies,
            [state(from: local, to: remote, algorithms: []), bothStates[1]], "no IPsec state that encrypts"
        ),
    ]

    @Test("and else it is not, for one reason", arguments: weak)
    func unprotected(name: String, policies: [NetlinkMessage], states: [NetlinkMessage], reason: String) {
        let found = obstacle(policies, states)
        #expect(found?.contains(reason) == true, "\(name): \(found ?? "protected")")
        #expect(found?.hasSuffix(".") == false)
    }

    @Test("messages that are cut short are left out, never read past their end")
    func cut() {
        let whole = policy(.outbound)
        for count in 0..<whole.body.count {
            _ = IPsecTables(
                policies: [NetlinkMessage(type: 0x13, body: Array(whole.body[..<count]))],
                states: [NetlinkMessage(type: 0x10, body: Array(bothStates[0].body[..<min(count, 223)]))]
            ).obstacle(traffic)
        }
        let header = NativeOrder.bytes(UInt32(20)) + NativeOrder.bytes(UInt16(3)) + [UInt8](repeating: 0, count: 14)
        #expect(NetlinkMessage.read(header).first?.isDone == true)
        for count in 0..<header.count { #expect(NetlinkMessage.read(Array(header[..<count])).isEmpty) }
    }
}

@Suite("WireGuard, as the kernel's interfaces and routes tell of it")
struct WireGuardTests {
    private func interface(kind: String?, flags: UInt32 = 1, index: UInt32 = 7) throws -> Interface {
        let details = kind.map { attribute(18, attribute(1, Array($0.utf8) + [0])) } ?? []
        let body = [0, 0, 0, 0] + NativeOrder.bytes(index) + NativeOrder.bytes(flags) + [0, 0, 0, 0]
        return try #require(Interface(NetlinkMessage(type: 16, body: body + details)))
    }

    private func route(interface: UInt32) throws -> PacketRoute {
        let body = [UInt8](repeating: 0, count: 12) + attribute(4, NativeOrder.bytes(interface)) + attribute(7, local)
        return try #require(PacketRoute(NetlinkMessage(type: 24, body: body)))
    }

    @Test("the interface must be WireGuard's and up, and the route leave by it")
    func obstacles() throws {
        let way = try route(interface: 7)
        #expect(way.source == local)
        #expect(try interface(kind: "wireguard").obstacle(named: "wg0", way) == nil)
        #expect(
            try interface(kind: "vlan").obstacle(named: "wg0", way) == "the interface wg0 is no WireGuard interface"
        )
        #expect(try interface(kind: nil).obstacle(named: "wg0", way) == "the interface wg0 is no WireGuard interface")
        #expect(
            try interface(kind: "wireguard", flags: 0).obstacle(named: "wg0", way)
                == "the WireGuard interface wg0 is down"
        )
        let elsewhere = try route(interface: 2)
        #expect(
            try interface(kind: "wireguard").obstacle(named: "wg0", elsewhere)
                == "the route to the host does not leave by the WireGuard interface wg0"
        )
    }

    @Test("this machine's kernel is asked: loopback is up and no WireGuard, and what is not there is said")
    func asked() async throws {
        let loopback = try #require(IPAddress("127.0.0.1"))
        let check = LinkCheck()
        #expect(
            await check.obstacle(.wireGuard(interface: "lo"), to: loopback)
                == "the interface lo is no WireGuard interface"
        )
        #expect(
            await check.obstacle(.wireGuard(interface: "postern-none"), to: loopback)
                == "there is no interface postern-none"
        )
        let ipsec = await check.obstacle(.ipsec, to: loopback)
        #expect(ipsec?.contains("no IPsec policy") == true || ipsec?.contains("CAP_NET_ADMIN") == true)
    }
}
