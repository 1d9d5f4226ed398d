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

        package var defaultPort: Int {
            switch self {
            case .mx: 25
            case .submission: 587
            case .submissions: 465
            case .local: 0
            }
        }

        /// Whether it listens on a TCP port.
        package var isNetwork: Bool { self != .local }
    }

    package var role: Role
    /// An IP address.
    ///
    /// `::` means every address, IPv4 ones too.
    package var address: String
    /// 1...65535; 0 for `local`.
    package var port: Int
    /// The unix socket of a `local` listener.
    package var path: String?
    /// The rights on the socket's file.
    package var mode: Int
    /// `user` or `user:group`, whom the socket's file is given to.
    package var owner: String?
    /// The line of the `[[listener]]` in the settings file; 0 when no file gave it.
    package var line: Int

    /// Where `postern sendmail` looks when nothing tells it another place.
    package static let defaultPath = "/run/postern/sendmail"

    package init(
        role: Role,
        address: String = "::",
        port: Int? = nil,
        path: String? = nil,
        mode: Int = 0o666,
        owner: String? = nil,
        line: Int = 0
    ) {
        self.role = role
        self.address = address
        self.port = port ?? role.defaultPort
        self.path = role == .local ? path ?? Self.defaultPath : nil
        self.mode = mode
        self.owner = owner
        self.line = line
    }

    /// Whether only this machine can reach the listener.
    package var isLoopback: Bool { role == .local || HostText.isLoopback(address) }
}
