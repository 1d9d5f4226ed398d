// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Mail
import SwiftASN1
import X509

/// A server certificate in a PEM file, as far as a mail server cares.
package struct FoundCertificate: Sendable, Encodable {
    package let certificate: String
    /// Nil when no key that may belong to it was found.
    package let key: String?
    /// The host names in it, `*.example.org` among them.
    package let names: [String]
    /// Seconds since 1970.
    package let notBefore: Int
    package let notAfter: Int
    package let isSelfSigned: Bool

    /// The first certificate of the file; nil when it holds none that can be read.
    package init?(certificate path: String, key: String? = nil) {
        guard let text = TextFile.read(path), let end = text.firstRange(of: "-----END CERTIFICATE-----"),
            let start = text.firstRange(of: "-----BEGIN CERTIFICATE-----"), start.lowerBound < end.lowerBound,
            let leaf = try? Certificate(pemEncoded: String(text[start.lowerBound..<end.upperBound]))
        else { return nil }
        certificate = path
        self.key = key
        names = Self.names(of: leaf)
        notBefore = Int(leaf.notValidBefore.timeIntervalSince1970)
        notAfter = Int(leaf.notValidAfter.timeIntervalSince1970)
        isSelfSigned = leaf.issuer == leaf.subject
    }

    /// Whether it proves this name.
    package func covers(_ host: Domain) -> Bool { names.contains { CertificateName.covers($0, host.key) } }

    package func isValid(at now: Int) -> Bool { notBefore <= now && now < notAfter }

    private static func names(of leaf: Certificate) -> [String] {
        guard let alternatives = try? leaf.extensions.subjectAlternativeNames else { return [] }
        return alternatives.compactMap { if case .dnsName(let name) = $0 { name } else { nil } }
    }

    /// Where servers of this machine keep certificates with their keys: Let's Encrypt's folders, pairs under `/etc/ssl`,
    /// and what the other mail servers use.
    static func search(also others: [(certificate: String, key: String)]) -> [FoundCertificate] {
        var pairs: [(certificate: String, key: String)] = TextFile.names(in: letsEncrypt).map { name in
            ("\(letsEncrypt)/\(name)/fullchain.pem", "\(letsEncrypt)/\(name)/privkey.pem")
        }
        for name in TextFile.names(in: "/etc/ssl/private") where name.hasSuffix(".key") || name.hasSuffix(".pem") {
            let stem = String(name.dropLast(4))
            for folder in ["/etc/ssl/certs", "/etc/ssl"] {
                for ending in [".pem", ".crt"] {
                    pairs.append(("\(folder)/\(stem)\(ending)", "/etc/ssl/private/\(name)"))
                }
            }
        }
        var found: [FoundCertificate] = []
        for pair in pairs + others where !found.contains(where: { $0.certificate == pair.certificate }) {
            if let certificate = FoundCertificate(certificate: pair.certificate, key: pair.key) {
                found.append(certificate)
            }
        }
        return found
    }

    private static let letsEncrypt = "/etc/letsencrypt/live"
}
