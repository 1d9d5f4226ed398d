// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Mail
import SMTPTransport
import SMTPWire
import Settings

/// One server to hand mail to, and how the channel to it must be.
struct Peer: Sendable {
    /// Where it can be reached; tried in this order.
    enum Place: Sendable, Hashable {
        case address(IPAddress, port: Int)
        /// A name that the system's resolver knows.
        case host(String, port: Int)
        case unix(path: String)
    }

    enum Channel: Sendable {
        /// As the operator set it for an `lmtp` or `relay` route.
        case configured(NextHop.ChannelSecurity, caFile: String?)
        /// As it was decided for an MX host.
        case required(RequiredChannel)
    }

    /// Equal for peers that can share connections: the same server, under the same demand.
    struct Key: Hashable, Sendable {
        let server: String
        let demand: ChannelDemand?
        let serverName: String?
    }

    let key: Key
    /// The host's name, for certificates and reports.
    let name: String
    let places: [Place]
    let dialect: SMTPClientConnection.Dialect
    let channel: Channel
    let credentials: NextHop.Credentials?
    /// It is this machine: no other is on the way.
    let isLocal: Bool

    /// The server of an `lmtp` or `relay` route.
    init(_ next: NextHop, dialect: SMTPClientConnection.Dialect) {
        let server = (dialect == .lmtp ? "lmtp " : "relay ") + next.endpoint.hint
        self.key = Key(server: server, demand: nil, serverName: nil)
        self.dialect = dialect
        self.channel = .configured(next.tls, caFile: next.caFile)
        self.credentials = next.credentials
        self.isLocal = next.endpoint.isLocal
        switch next.endpoint {
        case .tcp(let host, let port):
            self.name = host
            self.places = [IPAddress(host).map { .address($0, port: port) } ?? .host(host, port: port)]
        case .unix(let path):
            self.name = "localhost"
            self.places = [.unix(path: path)]
        }
    }

    /// An MX host.
    init(mailExchange host: String, addresses: [IPAddress], port: Int, channel: RequiredChannel) {
        self.key = Key(server: "mx \(host) \(port)", demand: channel.demand, serverName: channel.serverName)
        self.name = host
        self.places = addresses.map { .address($0, port: port) }
        self.dialect = .smtp
        self.channel = .required(channel)
        self.credentials = nil
        self.isLocal = false
    }
}

extension DeliveryHop {
    /// The fixed server of the hop; nil where the DNS or nobody has one.
    var peer: Peer? {
        switch self {
        case .lmtp(let next): Peer(next, dialect: .lmtp)
        case .relay(let next): Peer(next, dialect: .smtp)
        case .maildir, .mx: nil
        }
    }
}
