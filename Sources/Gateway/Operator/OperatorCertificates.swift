// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Commitment
import Control
import Crypto
import FoundationEssentials
import Mail
import NIOSSL
import Privacy
import SMTPTransport
import Settings

extension Operator {
    func certificates(_ request: ControlRequest) async throws -> ControlResponse {
        switch request {
        case .importChain(let chain): try await importChain(chain)
        case .nextServerKey(let order): try await nextServerKey(order)
        case .removeCertificate(let selector): try await removeCertificate(selector)
        case .declarePins(let published): try await declarePins(published)
        default: .certificates(CertificateReport(settings, data.certificates.kept, time: time))
        }
    }

    // MARK: Import

    private func importChain(_ new: NewChain) async throws -> ControlResponse {
        try refuseKeysOnDisk()
        guard let leaf = new.certificates.first, let facts = CertificateFacts(der: leaf) else {
            throw Refused(
                "The certificate can't be read; it may be for ECDSA P-256 or P-384, or for RSA of 2048 bits at least."
            )
        }
        let now = time.calendar()
        guard !facts.names.isEmpty else {
            throw Refused("The certificate names no host; it needs a DNS name as subject alternative name.")
        }
        guard facts.isServable else {
            throw Refused("Its key is \(facts.keyKind); use ECDSA P-256 or P-384, or RSA of 2048 bits at least.")
        }
        if facts.expires <= now { throw Refused("The certificate has expired; import the renewed one.") }
        if facts.begins > now { throw Refused("The certificate is not valid yet; look at this machine's clock.") }
        let pin = Data(facts.fingerprints.publicKey)
        let chain = KeptCertificates.Chain(
            certificates: new.certificates.map { Data($0) },
            key: Data(try key(new, pin: pin)),
            pin: pin,
            kind: facts.keyKind,
            names: facts.names,
            expires: facts.expires
        )
        let others = filePins
        let moment = time.wall()
        let taking = try await data.certificates.change { kept in
            guard
                kept.upcoming.count < KeptCertificates.mostUpcoming || kept.upcoming.contains(where: { $0.pin == pin })
            else { throw Refused("Too many keys wait to be published; `postern tls remove` forgets one.") }
            return kept.take(chain, others: others, now: moment)
        }
        await live?.certificatesChanged()
        return .done(sentence(taking, facts))
    }

    /// The key, which must belong to the certificate.
    private func key(_ new: NewChain, pin: Data) throws -> [UInt8] {
        let key: [UInt8]
        if let given = new.key {
            key = given
        } else {
            let kept = data.certificates.kept
            if let made = kept.upcoming.first(where: { $0.pin == pin })?.made,
                let opened = try? NIOSSLPrivateKey(bytes: Array(made.utf8), format: .pem)
            {
                key = try opened.derBytes
            } else if let used = kept.live.first(where: { $0.pin == pin }) {
                key = [UInt8](used.key)
            } else {
                throw Refused("The vault has no key for this certificate; name the file of its key too.")
            }
        }
        guard (try? ServerChain(certificates: new.certificates, key: key)) != nil else {
            throw Refused("The certificate and the key do not belong together.")
        }
        return key
    }

    private func sentence(_ taking: KeptCertificates.Taking, _ facts: CertificateFacts) -> String {
        let names = facts.names.joined(separator: ", ")
        let unused =
            settings.usesVaultCertificates
            ? "" : " The settings have no [tls] table, so that no listener offers TLS: add one, it may be empty."
        switch taking {
        case .live:
            return "The certificate for \(names) is in use, until \(Self.day(facts.expires)).\(unused)"
        case .staged(let ready):
            let from =
                ready.map { "used from \(Self.day($0)) on" } ?? "not used before a commitment statement holds it"
            return
                "The certificate for \(names) has a new key, and pins of ours are published: it is \(from). Publish its record now; `postern tls show` prints it."
        }
    }

    private static func day(_ time: WallTime) -> String {
        Date(timeIntervalSince1970: Double(time.seconds)).formatted(.iso8601.year().month().day())
    }

    /// At level 3 a key may be on another machine only.
    private func refuseKeysOnDisk() throws {
        guard settings.level == .three, HostFacts.keepsVaultOnDisk(settings) != false else { return }
        throw Refused(
            "At level 3 keys are kept off-site, and the vault lies on a disk of this machine; name files in memory (/run) in [tls] instead."
        )
    }

    /// The pin of the key in the settings' file.
    private var filePins: Set<Data> {
        let facts = settings.tls.flatMap { CertificateFile.facts($0.certificate) }
        return facts.map { [Data($0.fingerprints.publicKey)] } ?? []
    }

    // MARK: The next key

    private func nextServerKey(_ order: NextKeyOrder) async throws -> ControlResponse {
        if order.isHurried { return try await hurry() }
        try refuseKeysOnDisk()
        let names = try wantedNames(order)
        let kind = order.isRSA ? SigningKey.Kind.rsa3072 : .p256
        // Made before it is known whether it is needed: the change itself must not take long.
        let key = try SigningKey(making: kind)
        let now = time.wall()
        let (next, isNew) = try await data.certificates.change { kept in
            kept.publishedSince = kept.publishedSince ?? now
            if let known = kept.upcoming.first(where: { $0.made != nil && Set($0.names) == Set(names) }) {
                return (known, false)
            }
            guard kept.upcoming.count < KeptCertificates.mostUpcoming else {
                throw Refused("Too many keys wait to be published; `postern tls remove` forgets one.")
            }
            let made = KeptCertificates.Upcoming(
                pin: key.pin,
                kind: kind.words,
                names: names,
                since: now,
                made: key.pem
            )
            kept.upcoming.append(made)
            return (made, true)
        }
        let kept = data.certificates.kept
        let ready = kept.ready(next).map { "it may be used from \(Self.day($0)) on" }
        let sentence =
            (isNew ? "The next key is made" : "The next key was made on \(Self.day(next.since))")
            + "; \(ready ?? "it may be used 8 days after a statement holds it"). Publish its record now, beside the old one; `postern tls show` prints both."
        return .nextKey(
            NextKeyReport(
                sentence: sentence,
                next: CertificateReport.Next(next, kept),
                request: try next.made.map { try SigningKey.request(pem: $0, names: next.names) }
            )
        )
    }

    private func wantedNames(_ order: NextKeyOrder) throws -> [String] {
        if order.names.isEmpty {
            let host = settings.hostname.key
            let inUse =
                data.certificates.kept.chain(for: host)?.names
                ?? settings.tls.flatMap { CertificateFile.facts($0.certificate)?.names }
            return inUse.flatMap { $0.isEmpty ? nil : $0 } ?? [host]
        }
        return try order.names.map { name in
            let plain = name.hasPrefix("*.") ? String(name.dropFirst(2)) : name
            guard let domain = Domain(plain) else { throw Refused("\(name) is no host name.") }
            return (plain == name ? "" : "*.") + domain.key
        }
    }

    private func hurry() async throws -> ControlResponse {
        let now = time.wall()
        let count = try await data.certificates.change { $0.hurry(now: now) }
        guard count > 0 else {
            throw Refused("No certificate waits; `postern tls import` brings one.")
        }
        await live?.certificatesChanged()
        let sentence =
            "\(count == 1 ? "1 certificate is" : "\(count) certificates are") in use from now on. Keep the old records published beside the new ones for 8 days."
        return .nextKey(NextKeyReport(sentence: sentence, next: nil, request: nil))
    }

    // MARK: Other changes

    private func removeCertificate(_ selector: String) async throws -> ControlResponse {
        let wanted = selector.lowercased()
        let digits = wanted.replacing(":", with: "")
        let isDigest = digits.count >= 8 && digits.allSatisfy(\.isHexDigit)
        let count = try await data.certificates.change { kept in
            let fits = { (pin: Data, names: [String], certificate: Data?) in
                names.contains(wanted)
                    || isDigest
                        && (Hex.text(pin).hasPrefix(digits)
                            || certificate.map { Hex.text(SHA256.hash(data: $0)).hasPrefix(digits) } ?? false)
            }
            let before = kept.live.count + kept.upcoming.count
            kept.live.removeAll { fits($0.pin, $0.names, $0.certificates.first) }
            kept.upcoming.removeAll { fits($0.pin, $0.names, $0.chain?.certificates.first) }
            return before - kept.live.count - kept.upcoming.count
        }
        guard count > 0 else { throw Refused("The vault has no certificate or key for \(selector).") }
        await live?.certificatesChanged()
        return .done(count == 1 ? "1 key is removed." : "\(count) keys are removed.")
    }

    private func declarePins(_ published: Bool) async throws -> ControlResponse {
        let now = time.wall()
        let stated = try await data.certificates.change { kept in
            kept.publishedSince = published ? kept.publishedSince ?? now : nil
            return kept.statedSince != nil
        }
        if published {
            return .done("TLSA records of our keys count as published: a new key waits 8 days before it is used.")
        }
        return .done(
            stated
                ? "TLSA records no longer count; the commitment statement still does, and a new key waits until it holds it."
                : "Nothing of ours counts as published: a new key is used at once."
        )
    }
}
