// SPDX-License-Identifier: Apache-2.0

package import NIOSSL

/// Our own certificate and its key, for servers that ask who connects.
package struct ClientIdentity: Sendable, Hashable {
    package enum Failure: Error, Sendable, Hashable {
        case certificateUnreadable
        case keyUnreadable
    }

    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey

    /// - Parameter chain: our own certificate first.
    package init(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) {
        self.chain = chain
        self.key = key
    }

    /// From PEM text: a chain, our own certificate first, and a key that is not encrypted.
    package init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(Failure) {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificatePEM), !chain.isEmpty else {
            throw .certificateUnreadable
        }
        guard let key = try? NIOSSLPrivateKey(bytes: keyPEM, format: .pem) else { throw .keyUnreadable }
        self.init(chain: chain, key: key)
    }
}
