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
    /// When its operator is told that it ends.
    private static let warning = Duration.seconds(7 * 86_400)

    /// The bytes of the file, to tell one certificate from another.
    let bytes: [UInt8]
    private let file: String
    private let from: Int64
    private let until: Int64
    private let names: [String]
    private let hostname: Domain

    /// Nil when there is no certificate in the settings, or its file can't be read, which is told elsewhere.
    package init?(_ settings: PosternSettings) {
        guard let file = settings.tls?.certificate, let bytes = try? DurableFile.read(file),
            let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self)),
            let first = documents.first, let certificate = try? Certificate(pemDocument: first)
        else { return nil }
        self.bytes = bytes
        self.file = file
        hostname = settings.hostname
        from = Int64(certificate.notValidBefore.timeIntervalSince1970)
        until = Int64(certificate.notValidAfter.timeIntervalSince1970)
        let alternatives = (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([])
        names = alternatives.compactMap { name in
            guard case .dnsName(let name) = name else { return nil }
            return name.lowercased()
        }
    }

    /// The sentence that says why clients would refuse it; nil when they would not.
    package func problem(at now: WallTime) -> String? {
        if now.seconds >= until {
            return "tls.certificate: \(file) has expired; put the renewed one there and run `postern reload`."
        }
        if now.seconds < from {
            return
                "tls.certificate: \(file) is not valid yet; look at this machine's clock, or put the right certificate there and run `postern reload`."
        }
        guard names.contains(where: { Self.covers($0, hostname.key) }) else {
            return
                "tls.certificate: \(file) is not for \(hostname.key), which `hostname` names; put a certificate for that name there, or set hostname to the name that it has."
        }
        return nil
    }

    /// ``problem(at:)``, else that it ends within a week.
    package func notice(at now: WallTime) -> String? {
        if let problem = problem(at: now) { return problem }
        guard now + Self.warning >= WallTime(seconds: until) else { return nil }
        return
            "tls.certificate: \(file) expires in less than a week; put the renewed one there and run `postern reload`."
    }

    /// RFC 6125 section 6.4.3: a wildcard stands for one whole label, the leftmost.
    package static func covers(_ pattern: String, _ name: String) -> Bool {
        let pattern = pattern.lowercased()
        let name = name.lowercased()
        guard pattern.hasPrefix("*.") else { return pattern == name }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return false }
        return name[dot...] == pattern.dropFirst(1)
    }
}
