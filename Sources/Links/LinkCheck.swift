// SPDX-License-Identifier: Apache-2.0

import Glibc
package import SMTPWire
package import Settings

/// Looks in the kernel whether a link below TLS covers an address; changes nothing.
package struct LinkCheck: Sendable {
    package init() {}

    /// Why it doesn't, in one sentence without a full stop; nil when it does.
    @concurrent
    package func obstacle(_ link: ChannelSettings.Link, to address: IPAddress) async -> String? {
        do throws(Netlink.Failure) {
            let routing = try Netlink(.route)
            guard let route = PacketRoute(try routing.ask(PacketRoute.question, PacketRoute.body(to: address.bytes)))
            else {
                return "the route to the host can't be read"
            }
            switch link {
            case .wireGuard(let name): return try obstacle(name, route, routing)
            case .ipsec: return try obstacle(route, to: address)
            }
        } catch {
            return Self.sentence(error, link)
        }
    }

    private func obstacle(_ name: String, _ route: PacketRoute, _ routing: borrowing Netlink) throws(Netlink.Failure)
        -> String?
    {
        guard let interface = Interface(try routing.ask(Interface.question, Interface.body(named: name))) else {
            return "the interface \(name) can't be read"
        }
        return interface.obstacle(named: name, route)
    }

    private func obstacle(_ route: PacketRoute, to address: IPAddress) throws(Netlink.Failure) -> String? {
        guard let source = route.source else { return "the route to the host names no address of ours" }
        let ipsec = try Netlink(.ipsec)
        let tables = IPsecTables(
            policies: try ipsec.list(IPsecTables.getPolicies),
            states: try ipsec.list(IPsecTables.getStates)
        )
        return tables.obstacle(IPsecTraffic(local: source, remote: address.bytes, interface: route.interface))
    }

    private static func sentence(_ failure: Netlink.Failure, _ link: ChannelSettings.Link) -> String {
        switch (failure.code, link) {
        case (EPERM, .ipsec), (EACCES, .ipsec):
            "the gateway may not read the kernel's IPsec tables; give it CAP_NET_ADMIN"
        case (EAFNOSUPPORT, _): "the gateway may not ask the kernel; its unit must allow AF_NETLINK"
        case (ENODEV, .wireGuard(let name)): "there is no interface \(name)"
        case (ENETUNREACH, _), (EHOSTUNREACH, _): "there is no route to the host"
        default: "the kernel does not tell (errno \(failure.code))"
        }
    }
}
