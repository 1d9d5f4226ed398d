// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Control
import Crypto
import FoundationEssentials
import Mail
import Privacy
import Settings

extension CertificateReport {
    /// What is in use and kept, and what there is to publish.
    init(_ settings: PosternSettings, _ kept: KeptCertificates, time: Time) {
        self.init()
        if let path = settings.tls?.certificate, let facts = CertificateFile.facts(path) {
            certificates.append(Served(facts, origin: "file", file: path))
        }
        for chain in kept.live.reversed() {
            guard let der = chain.certificates.first, let facts = CertificateFacts(der: [UInt8](der)) else { continue }
            certificates.append(Served(facts, origin: "vault", file: nil))
        }
        next = kept.upcoming.map { Next($0, kept) }
        former = kept.former.map { Former(publicKey: Hex.text($0.pin), until: Int($0.until.seconds)) }
        publishedSince = kept.publishedSince.map { Int($0.seconds) }
        statedSince = kept.statedSince.map { Int($0.seconds) }
        tlsa = records(kept, settings)
        policies = settings.accept.map { STSPolicy($0, host: settings.hostname) }
    }

    /// `3 1 1` for every name: of the key that is shown for it, of those that come, and of those that went lately.
    private func records(_ kept: KeptCertificates, _ settings: PosternSettings) -> [String] {
        var names: [String] = [settings.hostname.key]
        for name in certificates.flatMap(\.names) + kept.upcoming.flatMap(\.names) where !name.hasPrefix("*") {
            if !names.contains(name) { names.append(name) }
        }
        return names.flatMap { name in
            let shown =
                kept.chain(for: name).map { Hex.text($0.pin) }
                ?? certificates.first { one in one.names.contains { CertificateName.covers($0, name) } }?.publicKey
            let fits = { (names: [String]) in names.contains { $0 == name || CertificateName.covers($0, name) } }
            let others =
                kept.upcoming.filter { fits($0.names) }.map(\.pin) + kept.former.filter { fits($0.names) }.map(\.pin)
            var pins = shown.map { [$0] } ?? []
            for pin in others.map({ Hex.text($0) }) where !pins.contains(pin) { pins.append(pin) }
            return pins.map { "_25._tcp.\(name). IN TLSA 3 1 1 \($0)" }
        }
    }
}

extension CertificateReport.Served {
    init(_ facts: CertificateFacts, origin: String, file: String?) {
        self.init(
            origin: origin,
            file: file,
            names: facts.names,
            begins: Int(facts.begins.seconds),
            expires: Int(facts.expires.seconds),
            certificate: Hex.text(facts.fingerprints.certificate),
            publicKey: Hex.text(facts.fingerprints.publicKey),
            kind: facts.keyKind
        )
    }
}

extension CertificateReport.Next {
    init(_ key: KeptCertificates.Upcoming, _ kept: KeptCertificates) {
        self.init(
            names: key.names,
            publicKey: Hex.text(key.pin),
            kind: key.kind,
            since: Int(key.since.seconds),
            usableFrom: kept.ready(key).map { Int($0.seconds) },
            expires: key.chain.map { Int($0.expires.seconds) },
            isOurs: key.made != nil
        )
    }
}

extension CertificateReport.STSPolicy {
    /// The policy (RFC 8461 section 3.2) of a domain whose mail comes to `host`; its id follows from its text.
    init(_ domain: Domain, host: Domain) {
        let text = "version: STSv1\r\nmode: enforce\r\nmx: \(host.key)\r\nmax_age: 604800\r\n"
        let id = Hex.text(SHA256.hash(data: Data(text.utf8)).prefix(10))
        self.init(
            domain: domain.key,
            record: "_mta-sts.\(domain.key). IN TXT \"v=STSv1; id=\(id)\"",
            address: "https://mta-sts.\(domain.key)/.well-known/mta-sts.txt",
            file: text
        )
    }
}
