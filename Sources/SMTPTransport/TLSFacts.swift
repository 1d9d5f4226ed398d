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
    /// The suite's name.
    ///
    /// The TLS library does not tell, so this is `nil` for now; all that we allow are forward-secret AEAD suites.
    package let cipher: String?
    /// Whether the peer's certificate chain and name were verified (client side).
    package let isVerified: Bool
    /// The peer's leaf certificate in DER (client side).
    package let peerCertificate: [UInt8]?

    package init(version: Version, cipher: String? = nil, isVerified: Bool = false, peerCertificate: [UInt8]? = nil) {
        self.version = version
        self.cipher = cipher
        self.isVerified = isVerified
        self.peerCertificate = peerCertificate
    }
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
