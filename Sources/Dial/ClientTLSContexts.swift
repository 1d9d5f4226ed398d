// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
package import SMTPTransport
import SMTPWire
import Synchronization

/// The client's TLS contexts, one for each kind of policy, made when first needed: making one reads the system's roots.
///
/// TLS 1.2 and 1.3 with forward-secret AEAD suites. No session is ever resumed, so that connections cannot be linked and each
/// one proves its certificate anew.
package final class ClientTLSContexts: Sendable {
    package enum Failure: Error, Sendable, Hashable {
        /// The file with extra roots is missing or holds no certificate.
        case extraRootsUnreadable
        case unusable
    }

    private enum Key: Hashable {
        case examined(ClientIdentity?)
        case verify(extraRoots: String?)
    }

    /// A key that rolled leaves a context behind; with so many, all are made anew.
    private static let maxContexts = 16

    private let contexts = Mutex<[Key: NIOSSLContext]>([:])

    package init() {}

    /// What ``SMTPClientConnection/startTLS(_:)`` takes.
    ///
    /// An IP address as a name goes without SNI.
    package func tls(for policy: TLSPolicy) throws(Failure) -> ClientTLS {
        switch policy {
        case .examined(let serverName, let identity):
            let context = try context(.examined(identity))
            return ClientTLS(
                context: context,
                serverName: serverName.flatMap(ClientTLSContexts.sniName),
                verification: .acceptAny
            )
        case .verify(let hostname, let extraRoots):
            let context = try context(.verify(extraRoots: extraRoots))
            return ClientTLS(
                context: context,
                serverName: ClientTLSContexts.sniName(hostname),
                verification: .byContext
            )
        }
    }

    /// Drops what was cached, so that changed root files are read again.
    package func reload() { contexts.withLock { $0.removeAll() } }

    private func context(_ key: Key) throws(Failure) -> NIOSSLContext {
        if let cached = contexts.withLock({ $0[key] }) { return cached }
        let made = try ClientTLSContexts.make(key)
        contexts.withLock { contexts in
            if contexts.count >= ClientTLSContexts.maxContexts { contexts.removeAll() }
            contexts[key] = made
        }
        return made
    }

    private static func make(_ key: Key) throws(Failure) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = ServerTLS.cipherSuites
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(2)
        switch key {
        case .examined(let identity):
            // Never `.none`: with it the callback that records the chain would not be called at all.
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates([])
            if let identity {
                configuration.certificateChain = identity.chain.map { .certificate($0) }
                configuration.privateKey = .privateKey(identity.key)
            }
        case .verify(let extraRoots):
            configuration.certificateVerification = .fullVerification
            configuration.trustRoots = .default
            if let extraRoots {
                guard let roots = try? NIOSSLCertificate.fromPEMFile(extraRoots), !roots.isEmpty else {
                    throw .extraRootsUnreadable
                }
                configuration.additionalTrustRoots = [.certificates(roots)]
            }
        }
        guard let context = try? NIOSSLContext(configuration: configuration) else { throw .unusable }
        return context
    }

    /// RFC 6066 §3 allows no addresses and no trailing dot.
    private static func sniName(_ name: String) -> String? {
        let trimmed = name.hasSuffix(".") ? String(name.dropLast()) : name
        guard !trimmed.isEmpty, trimmed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), IPAddress(trimmed) == nil else {
            return nil
        }
        return trimmed
    }
}
