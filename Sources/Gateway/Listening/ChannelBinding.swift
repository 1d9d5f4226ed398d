// SPDX-License-Identifier: Apache-2.0

import Crypto
import SwiftASN1
import X509

/// Channel binding of the type `tls-server-end-point` (RFC 5929 section 4): a hash of the server's certificate.
enum ChannelBinding {
    /// By the hash function of the certificate's signature, but SHA-256 in place of SHA-1.
    ///
    /// Nil for a signature without one hash function, such as Ed25519's, and for those that are not known here.
    static func serverEndPoint(certificate der: [UInt8]) -> [UInt8]? {
        guard let certificate = try? Certificate(derEncoded: der) else { return nil }
        switch certificate.signatureAlgorithm {
        case .sha1WithRSAEncryption, .sha256WithRSAEncryption, .ecdsaWithSHA256: return Array(SHA256.hash(data: der))
        case .sha384WithRSAEncryption, .ecdsaWithSHA384: return Array(SHA384.hash(data: der))
        case .sha512WithRSAEncryption, .ecdsaWithSHA512: return Array(SHA512.hash(data: der))
        default: return nil
        }
    }
}
