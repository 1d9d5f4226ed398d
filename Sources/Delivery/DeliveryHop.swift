// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Settings

/// Where a copy goes next.
///
/// Copies with equal hops can share a connection.
package enum DeliveryHop: Hashable, Sendable {
    case maildir
    case lmtp(NextHop)
    case relay(NextHop)
    /// The MX hosts of this domain.
    case mx(Domain)

    /// A text that is equal for equal hops: by it a queue groups waiting copies.
    ///
    /// It names the recipient's domain for `mx`, so it is stored only as a keyed hash.
    package var hint: String {
        switch self {
        case .maildir: "maildir"
        case .lmtp(let next): "lmtp " + next.endpoint.hint
        case .relay(let next): "relay " + next.endpoint.hint
        case .mx(let domain): "mx " + domain.key
        }
    }
}

extension Endpoint {
    /// Equal for equal endpoints.
    var hint: String {
        switch self {
        case .tcp(let host, let port): "tcp \(host.lowercased()) \(port)"
        case .unix(let path): "unix \(path)"
        }
    }
}
