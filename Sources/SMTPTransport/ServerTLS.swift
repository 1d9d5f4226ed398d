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

    /// For one chain, from files.
    package static func context(
        certificateFile: String,
        keyFile: String,
        passphrase: [UInt8]? = nil
    ) throws(Failure) -> ServerTLSContext {
        try context(ServerChain(certificateFile: certificateFile, keyFile: keyFile, passphrase: passphrase))
    }

    /// For `chain`, and for those that `choose` gives for the name that a client asks for (SNI, nil: it named none).
    ///
    /// - Parameter asksForClientCertificate: clients are asked for a certificate, and whatever they show is accepted: who wants to
    ///   know who they are looks at the ``TLSFacts``.
    package static func context(
        _ chain: ServerChain,
        choose: (@Sendable (String?) -> ServerChain?)? = nil,
        asksForClientCertificate: Bool = false
    ) throws(Failure) -> ServerTLSContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.certificates.map { .certificate($0) },
            privateKey: .privateKey(chain.key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = cipherSuites
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(2)
        if asksForClientCertificate {
            configuration.certificateVerification = .optionalVerification
            // Nobody is trusted for a chain: what counts is which certificate it is.
            configuration.trustRoots = .certificates([])
        }
        if let choose {
            configuration.sslContextCallback = { hello, promise in
                promise.succeed(choose(hello.serverHostname).map(Self.override) ?? .noChanges)
            }
        }
        guard let context = try? ServerTLSContext(configuration) else { throw .unusable }
        return context
    }

    private static func override(_ chain: ServerChain) -> NIOSSLContextConfigurationOverride {
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = chain.certificates.map { .certificate($0) }
        override.privateKey = .privateKey(chain.key)
        return override
    }

    /// The handler for one connection; the certificate of a client that shows one is accepted, whatever it is.
    static func handler(_ context: NIOSSLContext) -> NIOSSLServerHandler {
        NIOSSLServerHandler(
            context: context,
            customVerificationCallback: { _, verdict in verdict.succeed(.certificateVerified) },
            configuration: .init()
        )
    }
}
