// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A SOCKS5 proxy, and how it is spoken to.
package struct SOCKSProxy: Sendable {
    package enum SignIn: Sendable, Hashable {
        /// With these and never without: a proxy that does not take them is not used.
        case always(SOCKSCredentials)
        /// With these where the proxy takes them; it may also let everybody in.
        case whereTaken(SOCKSCredentials)

        var credentials: SOCKSCredentials {
            switch self {
            case .always(let credentials), .whereTaken(let credentials): credentials
            }
        }
    }

    package let address: SocketAddress
    package let signIn: SignIn

    package init(_ address: SocketAddress, signIn: SignIn) {
        self.address = address
        self.signIn = signIn
    }
}

/// User and password of RFC 1929, 1 to 255 octets each.
package struct SOCKSCredentials: Sendable, Hashable {
    let user: String
    let password: String

    /// Nil when one is empty or too long.
    package init?(user: String, password: String) {
        guard (1...255).contains(user.utf8.count), (1...255).contains(password.utf8.count) else { return nil }
        self.user = user
        self.password = password
    }

    /// 128 random bits each.
    fileprivate init(using generator: inout some RandomNumberGenerator) {
        func word() -> String {
            (0..<2).map { _ in
                let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }.joined()
        }
        user = word()
        password = word()
    }
}

extension SOCKSCredentials: CustomStringConvertible, CustomReflectable {
    package var description: String { "SOCKSCredentials" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Credentials that keep destinations apart: Tor builds a circuit of its own for each pair of user and password that it sees
/// (`IsolateSOCKSAuth`), so that nobody on the way can tell that two destinations have mail from one sender.
///
/// They are made up when a destination is first used, mean nothing, and are kept in memory only.
package struct SOCKSIsolation: Sendable {
    /// With more destinations than this, the one that came first gets new credentials when it is used again.
    package static let maxKeys = 4096

    private var byKey: [String: SOCKSCredentials] = [:]
    private var order: [String] = []

    package init() {}

    /// The credentials for a destination, always the same for the same.
    package mutating func credentials(for key: String) -> SOCKSCredentials {
        if let known = byKey[key] { return known }
        var generator = SystemRandomNumberGenerator()
        let made = SOCKSCredentials(using: &generator)
        if order.count >= SOCKSIsolation.maxKeys { byKey[order.removeFirst()] = nil }
        byKey[key] = made
        order.append(key)
        return made
    }
}
