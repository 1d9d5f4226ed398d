// SPDX-License-Identifier: Apache-2.0

/// What a `[[listener]]` with the role `filter` does with what it takes.
///
/// Everything goes to one next hop, whatever its domain: no route has a say in it.
package struct FilterSettings: Sendable, Hashable {
    /// Whose mail it is.
    package enum Direction: String, Sendable, CaseIterable {
        /// Mail of our own users on its way out: scrubbed, protected, queued here.
        case outbound
        /// Mail from strangers on its way in: protected for who gets it, and handed on while the client waits.
        case inbound
    }

    package var direction: Direction
    /// Names the filter in what waits in the queue: its direction and where it listens.
    package var name: String
    /// Who may connect.
    ///
    /// Empty for a unix socket, whose directory says who may.
    package var peers: [NetworkRange]
    package var nextHop: NextHop
    /// Whether the peers' XFORWARD is offered, believed and handed on to the next hop.
    package var forwardsClient: Bool

    package init(
        _ direction: Direction,
        at place: String,
        peers: [NetworkRange] = [],
        nextHop: NextHop,
        forwardsClient: Bool = false
    ) {
        self.direction = direction
        self.name = "\(direction.rawValue) \(place)"
        self.peers = peers
        self.nextHop = nextHop
        self.forwardsClient = forwardsClient
    }

    /// Whether a client with this address (4 or 16 bytes, network order) may connect.
    package func admits(address: [UInt8]) -> Bool { peers.contains { $0.contains(address) } }
}

extension Sequence<FilterSettings> {
    /// The filter by which a message came; when it listens elsewhere by now, the first of the same direction.
    ///
    /// Nil when there is none any more.
    package func named(_ name: String) -> FilterSettings? {
        if let same = first(where: { $0.name == name }) { return same }
        return first { name.hasPrefix($0.direction.rawValue + " ") }
    }
}

extension PosternSettings {
    /// The filters among the listeners.
    package var filters: [FilterSettings] { listeners.compactMap(\.filter) }
}
