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

        package var defaultPort: Int {
            switch self {
            case .mx: 25
            case .submission: 587
            case .submissions: 465
            }
        }
    }

    package var role: Role
    /// An IP address.
    ///
    /// `::` means every address, IPv4 ones too.
    package var address: String
    /// 1...65535.
    package var port: Int
    /// The line of the `[[listener]]` in the settings file; 0 when no file gave it.
    package var line: Int

    package init(role: Role, address: String = "::", port: Int? = nil, line: Int = 0) {
        self.role = role
        self.address = address
        self.port = port ?? role.defaultPort
        self.line = line
    }

    /// Whether only this machine can reach the listener.
    package var isLoopback: Bool { HostText.isLoopback(address) }
}
