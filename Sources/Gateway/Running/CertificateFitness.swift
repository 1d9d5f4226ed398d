// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Mail
package import Privacy
package import Settings
import SwiftASN1
import Vault
import X509

/// Whether the server's certificate is valid now and for this host's name.
package struct CertificateFitness: Sendable {
    /// The bytes of the file, to tell one certificate from another.
    let bytes: [UInt8]
    private let file: String
    private let begins: WallTime
    let expires: WallTime
    private let names: [String]
    private let hostname: Domain

    /// Nil when there is no certificate in the settings, or its file can't be read, which is told elsewhere.
    package init?(_ settings: PosternSettings) {
        guard let file = settings.tls?.certificate, let bytes = try? DurableFile.read(file),
            let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self)),
            let first = documents.first(where: { $0.discriminator == Certificate.defaultPEMDiscriminator }),
            let certificate = try? Certificate(pemDocument: first)
        else { return nil }
        self.bytes = bytes
        self.file = file
        hostname = settings.hostname
        begins = WallTime(seconds: Int64(certificate.notValidBefore.timeIntervalSince1970))
        expires = WallTime(seconds: Int64(certificate.notValidAfter.timeIntervalSince1970))
        let alternatives = (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([])
        names = alternatives.compactMap { name in
            guard case .dnsName(let name) = name else { return nil }
            return name.lowercased()
        }
    }

    /// The sentence that says why clients would refuse it; nil when they would not.
    package func problem(at now: WallTime) -> String? {
        if now >= expires {
            return "tls.certificate: \(file) has expired; put the renewed one there and run `postern reload`."
        }
        if now < begins {
            return
                "tls.certificate: \(file) is not valid yet; look at this machine's clock, or put the right certificate there and run `postern reload`."
        }
        guard isForHost else {
            return
                "tls.certificate: \(file) is not for \(hostname.key), which `hostname` names; put a certificate for that name there, or set hostname to the name that it has."
        }
        return nil
    }

    /// Whether it is for the name that the settings give this host.
    var isForHost: Bool { names.contains { Self.covers($0, hostname.key) } }

    /// RFC 6125 section 6.4.3: a wildcard stands for one whole label, the leftmost.
    package static func covers(_ pattern: String, _ name: String) -> Bool {
        let pattern = pattern.lowercased()
        let name = name.lowercased()
        guard pattern.hasPrefix("*.") else { return pattern == name }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return false }
        return name[dot...] == pattern.dropFirst(1)
    }
}
