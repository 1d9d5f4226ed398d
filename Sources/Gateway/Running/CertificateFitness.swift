// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import Settings

/// Whether the server's certificate is valid now and for this host's name.
struct CertificateFitness: Sendable {
    /// To tell one certificate from another.
    let bytes: [UInt8]
    /// Of all that are in use the earliest.
    let expires: WallTime
    /// The file's path; nil: it is in the vault.
    private let file: String?
    private let facts: CertificateFacts
    private let hostname: Domain

    /// Of the vault's for this host where there is one, else that of the file; nil when there is none that can be read, which is
    /// told elsewhere.
    init?(_ settings: PosternSettings, kept: KeptCertificates? = nil) {
        hostname = settings.hostname
        let vault = settings.usesVaultCertificates ? kept : nil
        let own = vault?.chain(for: hostname.key) ?? (settings.tls == nil ? vault?.live.last : nil)
        if let der = own?.certificates.first, let facts = CertificateFacts(der: [UInt8](der)) {
            self.facts = facts
            bytes = [UInt8](der)
            file = nil
        } else {
            guard let path = settings.tls?.certificate, let read = CertificateFile.read(path) else { return nil }
            facts = read.facts
            bytes = read.bytes
            file = path
        }
        expires = (vault?.live.map(\.expires) ?? []).reduce(facts.expires) { min($0, $1) }
    }

    /// The sentence that says why clients would refuse it; nil when they would not.
    func problem(at now: WallTime) -> String? {
        let subject = file.map { "tls.certificate: \($0)" } ?? "The certificate in the vault"
        if now >= facts.expires {
            return "\(subject) has expired; \(remedy("the renewed one"))."
        }
        if now < facts.begins {
            return "\(subject) is not valid yet; look at this machine's clock, or \(remedy("the right certificate"))."
        }
        guard isForHost else {
            return
                "\(subject) is not for \(hostname.key), which `hostname` names; "
                + (file == nil
                    ? "import one for that name with `postern tls import`" : "put a certificate for that name there")
                + ", or set hostname to the name that it has."
        }
        return nil
    }

    private func remedy(_ what: String) -> String {
        file == nil
            ? "import \(what) with `postern tls import`" : "put \(what) there and run `postern reload`"
    }

    /// Whether it is for the name that the settings give this host.
    var isForHost: Bool { facts.covers(hostname.key) }
}
