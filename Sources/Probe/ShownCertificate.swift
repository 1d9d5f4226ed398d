// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import ChannelProof
import SwiftASN1
import X509

/// A certificate that a server showed, in words.
package struct ShownCertificate: Sendable, Hashable, Encodable {
    /// Distinguished names, in the form of RFC 4514; nil when the certificate can't be read.
    package let subject: String?
    package let issuer: String?
    /// The DNS names.
    package let names: [String]
    /// RFC 3339; nil when the dates can't be read.
    package let notBefore: String?
    package let notAfter: String?
    /// SHA-256 of the certificate and of its key, in hexadecimal.
    package let sha256: String?
    package let spkiSHA256: String?

    /// So many names are shown.
    private static let maxNames = 20

    init(der: [UInt8]) {
        let outline = CertificateOutline(der: der)
        let certificate = outline == nil ? nil : try? Certificate(derEncoded: der)
        subject = certificate.map { Printable.text($0.subject.description) }
        issuer = certificate.map { Printable.text($0.issuer.description) }
        names = certificate.map(ShownCertificate.names) ?? []
        notBefore = (outline?.validity?.notBefore).map(CivilTime.text)
        notAfter = (outline?.validity?.notAfter).map(CivilTime.text)
        sha256 = (outline?.fingerprints.certificate).map { Hex.text($0) }
        spkiSHA256 = (outline?.fingerprints.publicKey).map { Hex.text($0) }
    }

    private static func names(_ certificate: Certificate) -> [String] {
        let alternatives = (try? certificate.extensions.subjectAlternativeNames).flatMap { $0 }
        let names = (alternatives.map(Array.init) ?? []).compactMap { name -> String? in
            if case .dnsName(let name) = name { Printable.text(name) } else { nil }
        }
        guard names.count > maxNames else { return names }
        return names.prefix(maxNames) + ["… and \(names.count - maxNames) more"]
    }

    /// The lines that say it.
    func lines(_ position: Int) -> [String] {
        guard let subject, let issuer else { return ["TLS peer certificate \(position): can't be read"] }
        var lines = ["TLS peer certificate \(position): subject \"\(subject)\", issuer \"\(issuer)\""]
        if !names.isEmpty { lines.append("  for " + names.joined(separator: ", ")) }
        lines.append("  valid from \(notBefore ?? "?") until \(notAfter ?? "?")")
        return lines
    }
}
