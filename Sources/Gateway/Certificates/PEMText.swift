// SPDX-License-Identifier: Apache-2.0

package import Control
import NIOSSL
import SMTPTransport
import SwiftASN1
import X509

/// Certificates and keys as PEM files hold them.
package enum PEMText {
    /// The certificates of a PEM text in DER, in their order; what else is in it is passed over.
    static func certificates(_ bytes: [UInt8]) -> [[UInt8]] {
        let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self))
        return (documents ?? []).filter { $0.discriminator == Certificate.defaultPEMDiscriminator }.map(\.derBytes)
    }

    /// A chain for the vault from a PEM chain (leaf first) and its PEM key, encrypted or not.
    ///
    /// Without a key it is for one that the vault made.
    package static func chain(
        certificates: [UInt8],
        key: [UInt8]?,
        passphrase: [UInt8]?
    ) throws(GatewayProblem) -> NewChain {
        do throws(ServerTLS.Failure) {
            guard let key else {
                let chain = try ServerChain.certificates(pem: certificates)
                return NewChain(certificates: chain.compactMap { try? $0.toDERBytes() }, key: nil)
            }
            let chain = try ServerChain(certificatePEM: certificates, keyPEM: key, passphrase: passphrase)
            guard let key = try? chain.key.derBytes else { throw .keyUnreadable }
            return NewChain(certificates: chain.encoded, key: key)
        } catch {
            throw GatewayProblem(sentence(error))
        }
    }

    private static func sentence(_ failure: ServerTLS.Failure) -> String {
        switch failure {
        case .certificateUnreadable:
            "The file holds no certificate that can be read as PEM; name the chain, the server's own certificate first."
        case .keyUnreadable:
            "The file holds no private key that can be read as PEM; it may be ECDSA P-256 or P-384, or RSA, encrypted or not."
        case .passphraseWrong:
            "The key is encrypted, and it does not open; give its passphrase with --passphrase-file."
        case .unusable: "The certificate and the key do not belong together; name the key of that certificate."
        }
    }
}
