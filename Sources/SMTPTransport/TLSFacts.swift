// SPDX-License-Identifier: Apache-2.0

import NIOSSL

/// What is known of a TLS connection once its handshake is done.
package struct TLSFacts: Sendable, Hashable {
    package enum Version: String, Sendable, Hashable {
        case tls12 = "TLSv1.2"
        case tls13 = "TLSv1.3"
        /// Not to be had with our settings, kept so that nothing has to be guessed.
        case older = "older"
    }

    package let version: Version
    /// The suite's name in IANA's register; `nil` where it was not seen (server side).
    ///
    /// All that we allow are forward-secret AEAD suites.
    package let cipher: String?
    /// The group of the key exchange, by its name in IANA's register; `nil` where it was not seen (server side).
    package let group: String?
    /// Whether the TLS library verified the peer's certificate chain and name (client side).
    package let isVerified: Bool
    /// The peer's certificates in DER, as it showed them, its own first.
    ///
    /// The first alone where the library verified them, and of a client: it tells no more.
    package let chain: [[UInt8]]

    package init(
        version: Version,
        cipher: String? = nil,
        group: String? = nil,
        isVerified: Bool = false,
        chain: [[UInt8]] = []
    ) {
        self.version = version
        self.cipher = cipher
        self.group = group
        self.isVerified = isVerified
        self.chain = chain
    }

    /// The peer's own certificate in DER.
    package var peerCertificate: [UInt8]? { chain.first }
}

extension TLSFacts.Version {
    init(_ version: TLSVersion?) {
        switch version {
        case .tlsv12: self = .tls12
        case .tlsv13: self = .tls13
        default: self = .older
        }
    }
}
