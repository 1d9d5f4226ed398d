// SPDX-License-Identifier: Apache-2.0

/// One `[[listener]]`: a socket that takes mail.
package struct Listener: Sendable, Hashable {
    package enum Role: String, Sendable, CaseIterable {
        /// Mail from other servers; STARTTLS offered.
        case mx
        /// Mail from users; nothing but STARTTLS before TLS (RFC 6409).
        case submission
        /// Mail from users; TLS from the first byte (RFC 8314).
        case submissions
        /// Mail from programs of this machine, over a unix socket; the caller is known by its user id.
        case local
        /// Mail that another mail server hands over to be protected, and takes back at a fixed next hop.
        case filter

        package var defaultPort: Int {
            switch self {
            case .mx: 25
            case .submission: 587
            case .submissions: 465
            case .local: 0
            case .filter: 10025
            }
        }

        /// Whether users of our own sign in here.
        package var isForUsers: Bool { self == .submission || self == .submissions }
    }

    package var role: Role
    /// An IP address.
    ///
    /// `::` means every address, IPv4 ones too. Means nothing where there is a `path`.
    package var address: String
    /// 1...65535; 0 for `local`.
    package var port: Int
    /// The unix socket that takes the place of address and port.
    package var path: String?
    /// The rights on the socket's file.
    package var mode: Int
    /// `user` or `user:group`, whom the socket's file is given to.
    package var owner: String?
    /// Set for the role `filter`, and for no other.
    package var filter: FilterSettings?
    /// The line of the `[[listener]]` in the settings file; 0 when no file gave it.
    package var line: Int

    /// Where `postern sendmail` looks when nothing tells it another place.
    package static let defaultPath = "/run/postern/sendmail"

    package init(
        role: Role,
        address: String = "::",
        port: Int? = nil,
        path: String? = nil,
        mode: Int? = nil,
        owner: String? = nil,
        filter: FilterSettings? = nil,
        line: Int = 0
    ) {
        self.role = role
        self.address = address
        self.port = port ?? role.defaultPort
        self.path = role == .local ? path ?? Self.defaultPath : path
        self.mode = mode ?? (role == .local ? 0o666 : 0o660)
        self.owner = owner
        self.filter = filter
        self.line = line
    }

    /// Whether only this machine can reach the listener.
    package var isLoopback: Bool { path != nil || HostText.isLoopback(address) }

    /// Where it listens.
    package var endpoint: Endpoint { path.map { .unix(path: $0) } ?? .tcp(host: address, port: port) }

    /// `127.0.0.1:10025`, `[::1]:25` or `unix:/run/postern/filter`.
    package var place: String { EndpointText.format(endpoint) }
}
