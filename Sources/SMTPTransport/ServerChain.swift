// SPDX-License-Identifier: Apache-2.0

package import NIOSSL

/// A certificate chain and its key, as handshakes need them.
package struct ServerChain: Sendable {
    /// The server's own first.
    package let certificates: [NIOSSLCertificate]
    package let key: NIOSSLPrivateKey

    /// - Throws: ``ServerTLS/Failure/unusable`` when the two do not belong together.
    init(_ certificates: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) throws(ServerTLS.Failure) {
        self.certificates = certificates
        self.key = key
        let alone = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        guard (try? NIOSSLContext(configuration: alone)) != nil else { throw .unusable }
    }

    /// Reads a PEM chain (leaf first) and its PEM key, encrypted or not.
    package init(
        certificateFile: String,
        keyFile: String,
        passphrase: [UInt8]? = nil
    ) throws(ServerTLS.Failure) {
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificateFile), !chain.isEmpty else {
            throw .certificateUnreadable
        }
        try self.init(
            chain,
            try Self.key(passphrase) { try NIOSSLPrivateKey(file: keyFile, format: .pem, passphraseCallback: $0) }
        )
    }

    /// The same from text in memory.
    package init(
        certificatePEM: [UInt8],
        keyPEM: [UInt8],
        passphrase: [UInt8]? = nil
    ) throws(ServerTLS.Failure) {
        let chain = try Self.certificates(pem: certificatePEM)
        try self.init(
            chain,
            try Self.key(passphrase) { try NIOSSLPrivateKey(bytes: keyPEM, format: .pem, passphraseCallback: $0) }
        )
    }

    /// From DER: the certificates, the server's own first, and the key.
    package init(certificates: [[UInt8]], key: [UInt8]) throws(ServerTLS.Failure) {
        let chain = certificates.compactMap { try? NIOSSLCertificate(bytes: $0, format: .der) }
        guard !chain.isEmpty, chain.count == certificates.count else { throw .certificateUnreadable }
        guard let key = try? NIOSSLPrivateKey(bytes: key, format: .der) else { throw .keyUnreadable }
        try self.init(chain, key)
    }

    /// The certificates of a PEM text.
    package static func certificates(pem: [UInt8]) throws(ServerTLS.Failure) -> [NIOSSLCertificate] {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(pem), !chain.isEmpty else { throw .certificateUnreadable }
        return chain
    }

    /// The certificates in DER.
    package var encoded: [[UInt8]] { certificates.compactMap { try? $0.toDERBytes() } }

    private static func key(
        _ passphrase: [UInt8]?,
        _ read: (@escaping NIOSSLPassphraseCallback<[UInt8]>) throws -> NIOSSLPrivateKey
    ) throws(ServerTLS.Failure) -> NIOSSLPrivateKey {
        // Without a callback the library would ask at the terminal.
        var wasAsked = false
        let opened = try? read { answer in
            wasAsked = true
            answer(passphrase ?? [])
        }
        if let opened { return opened }
        throw wasAsked ? .passphraseWrong : .keyUnreadable
    }
}
