// SPDX-License-Identifier: Apache-2.0

import NIOCore
package import NIOSSL

/// Makes the TLS context of the listeners: TLS 1.2 and 1.3, forward-secret AEAD suites only, no renegotiation.
package enum ServerTLS {
    package enum Failure: Error, Sendable, Hashable {
        case certificateUnreadable
        case keyUnreadable
        /// The key is encrypted and no passphrase was given, or the wrong one.
        case passphraseWrong
        /// Key and certificate do not belong together, or the library refuses them.
        case unusable
    }

    /// TLS 1.2 suites: ECDHE with AES-GCM or ChaCha20-Poly1305.
    ///
    /// Those of TLS 1.3 are all forward-secret AEAD suites.
    package static let cipherSuites: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    /// Reads a PEM chain (leaf first) and its PEM key, encrypted or not.
    package static func context(
        certificateFile: String,
        keyFile: String,
        passphrase: [UInt8]? = nil
    ) throws(Failure) -> ServerTLSContext {
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificateFile), !chain.isEmpty else {
            throw .certificateUnreadable
        }
        let key: NIOSSLPrivateKey
        if let passphrase {
            guard
                let opened = try? NIOSSLPrivateKey(file: keyFile, format: .pem, passphraseCallback: { $0(passphrase) })
            else {
                throw .passphraseWrong
            }
            key = opened
        } else {
            // Without a callback the library would ask at the terminal.
            var wasAsked = false
            let opened = try? NIOSSLPrivateKey(file: keyFile, format: .pem) {
                (answer: NIOSSLPassphraseSetter<[UInt8]>) in
                wasAsked = true
                answer([])
            }
            guard let opened else { throw wasAsked ? .passphraseWrong : .keyUnreadable }
            key = opened
        }
        return try context(chain: chain, key: key)
    }

    /// From PEM text in memory; for a certificate made on the spot.
    package static func context(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(Failure) -> ServerTLSContext {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificatePEM), !chain.isEmpty else {
            throw .certificateUnreadable
        }
        guard let key = try? NIOSSLPrivateKey(bytes: keyPEM, format: .pem) else { throw .keyUnreadable }
        return try context(chain: chain, key: key)
    }

    private static func context(
        chain: [NIOSSLCertificate],
        key: NIOSSLPrivateKey
    ) throws(Failure) -> ServerTLSContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = cipherSuites
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(2)
        guard let context = try? ServerTLSContext(configuration) else { throw .unusable }
        return context
    }
}
