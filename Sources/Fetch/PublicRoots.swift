// SPDX-License-Identifier: Apache-2.0

package import ChannelProof
import NIOSSL
import Synchronization

/// The authorities of the system, and those in a file of the operator's, read when first needed.
package final class PublicRoots: Sendable {
    /// The file is missing, can't be read, or holds no certificate.
    package struct Unreadable: Error, Sendable {}

    private let extra: [[UInt8]]
    private let kept = Mutex<TrustRoots?>(nil)

    /// - Parameter extraFile: PEM certificates beside the system's.
    package init(extraFile: String? = nil) throws(Unreadable) {
        extra =
            try extraFile.map { path throws(Unreadable) in
                let certificates = PublicRoots.certificates(path)
                guard !certificates.isEmpty else { throw Unreadable() }
                return certificates
            } ?? []
    }

    package var roots: TrustRoots {
        kept.withLock { kept in
            if let kept { return kept }
            let system = PublicRoots.systemFiles.lazy.map(PublicRoots.certificates).first { !$0.isEmpty } ?? []
            let roots = TrustRoots(system + extra)
            kept = roots
            return roots
        }
    }

    /// Debian and its relatives, then Fedora and its own.
    private static let systemFiles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    private static func certificates(_ path: String) -> [[UInt8]] {
        let read = (try? NIOSSLCertificate.fromPEMFile(path)) ?? []
        return read.compactMap { try? $0.toDERBytes() }
    }
}
