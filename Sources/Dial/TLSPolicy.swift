// SPDX-License-Identifier: Apache-2.0

/// What the TLS library is to make sure of on a connection to another server.
package enum TLSPolicy: Sendable, Hashable {
    /// Encryption with whoever is there: any certificate will do for the handshake, no root is trusted, and the chain is in the
    /// connection's `TLSFacts`, for the caller to judge before it says anything more.
    ///
    /// - Parameters:
    ///   - serverName: for SNI.
    ///   - identity: shown when the server asks who we are.
    case examined(serverName: String?, identity: ClientIdentity? = nil)
    /// A chain to the system's roots, or to those in `extraRoots` (a PEM file), and a certificate for `hostname`.
    case verify(hostname: String, extraRoots: String? = nil)
}
