// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import SwiftASN1
import X509

/// The public authorities that count, read once and kept.
package struct TrustRoots: Sendable {
    private let bySubject: [DistinguishedName: [ReadCertificate]]
    private let encodings: Set<[UInt8]>

    /// From certificates in DER; those that can't be read are left out.
    package init(_ certificates: [[UInt8]]) {
        let read = certificates.compactMap { CertificateOutline(der: $0).flatMap(ReadCertificate.init) }
        bySubject = Dictionary(grouping: read, by: \.certificate.subject)
        encodings = Set(read.map(\.outline.der))
    }

    /// From a file of PEM certificates, such as `/etc/ssl/certs/ca-certificates.crt`.
    package init(pem text: String) {
        let documents = (try? PEMDocument.parseMultiple(pemString: text)) ?? []
        self.init(documents.filter { $0.discriminator == "CERTIFICATE" }.map(\.derBytes))
    }

    package var count: Int { encodings.count }

    func contains(_ outline: CertificateOutline) -> Bool { encodings.contains(outline.der) }

    /// The roots that one of these certificates names as its issuer.
    func issuers(of certificates: [ReadCertificate]) -> [ReadCertificate] {
        var seen: Set<DistinguishedName> = []
        return certificates.map(\.certificate.issuer).filter { seen.insert($0).inserted }
            .flatMap { bySubject[$0] ?? [] }
    }
}
