// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Crypto
import NIOSSL
import Settings

/// The pins that our own commitment statement gives to others.
struct PublishedPins: Sendable, Equatable {
    /// Of the keys that listeners show now.
    var current: [Pin]
    /// Of the keys that they may show before the statement ends.
    var next: [Pin] = []

    /// From the certificate of the settings; nil where there is none that lasts.
    static func of(_ settings: PosternSettings) -> PublishedPins? {
        guard let file = settings.tls?.certificate, let leaf = try? NIOSSLCertificate.fromPEMFile(file).first,
            let key = try? leaf.extractPublicKey().toSPKIBytes(),
            let pin = Pin(.publicKey, sha256: Array(SHA256.hash(data: key)))
        else { return nil }
        return PublishedPins(current: [pin])
    }
}
