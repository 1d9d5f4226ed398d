// SPDX-License-Identifier: Apache-2.0

/// The SHA-256 of a certificate, or of the key in it, that a server must show.
package struct Pin: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// Of SubjectPublicKeyInfo: outlives a renewed certificate.
        case publicKey = "spki"
        case certificate = "cert"
    }

    package let kind: Kind
    /// 32 octets.
    package let sha256: [UInt8]

    /// Nil when the digest has another length.
    package init?(_ kind: Kind, sha256: [UInt8]) {
        guard sha256.count == 32 else { return nil }
        self.kind = kind
        self.sha256 = sha256
    }

    /// `spki:` or `cert:` and 64 hexadecimal digits, with or without colons between the octets.
    package init?(_ text: String) {
        guard let separator = text.firstIndex(of: ":"), let kind = Kind(rawValue: text[..<separator].lowercased()),
            let digest = Hex.bytes(String(text[text.index(after: separator)...]))
        else { return nil }
        self.init(kind, sha256: digest)
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let pin = Pin(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "not a pin"))
        }
        self = pin
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    package var text: String { "\(kind.rawValue):\(Hex.text(sha256))" }
}

/// The digests by which a presented certificate is compared with pins.
package struct CertificateFingerprints: Sendable, Hashable {
    /// SHA-256 of the certificate.
    package let certificate: [UInt8]
    /// SHA-256 of its SubjectPublicKeyInfo.
    package let publicKey: [UInt8]

    package init(certificate: [UInt8], publicKey: [UInt8]) {
        self.certificate = certificate
        self.publicKey = publicKey
    }
}

/// The pins that hold for a domain or a mail host: the server must show one of them, now or next.
///
/// TLS is required; who signed the certificate, its names and its dates don't matter.
package struct PinSet: Sendable, Hashable {
    package enum Scope: Sendable, Hashable {
        /// Every mail host of this recipient domain.
        case domain(String)
        /// This mail host, for whatever domain.
        case host(String)
    }

    /// Where the pins came from.
    package enum Source: Sendable, Hashable {
        case settings
        /// A peer's commitment statement; an expired one keeps its pins required.
        case statement(isExpired: Bool)
    }

    package enum Slot: String, Sendable, Hashable { case current, next }

    package struct Match: Sendable, Hashable {
        package let pin: Pin
        package let slot: Slot
    }

    package let scope: Scope
    package let source: Source
    package let current: [Pin]
    package let next: [Pin]

    package init(_ scope: Scope, source: Source = .settings, current: [Pin], next: [Pin] = []) {
        self.scope = scope
        self.source = source
        self.current = current
        self.next = next
    }

    /// The pin that the server's own certificate matches, a current one before a next one; nil for none.
    ///
    /// A set without pins matches nothing.
    package func match(_ shown: CertificateFingerprints) -> Match? {
        let fits = { (pin: Pin) in
            pin.sha256 == (pin.kind == .publicKey ? shown.publicKey : shown.certificate)
        }
        if let pin = current.first(where: fits) { return Match(pin: pin, slot: .current) }
        return next.first(where: fits).map { Match(pin: $0, slot: .next) }
    }
}

/// All pins that are known, by what they are for.
package struct PinTable: Sendable, Hashable {
    private var sets: [PinSet.Scope: PinSet] = [:]

    /// Of two sets with the same scope the settings' own counts.
    package init(_ sets: [PinSet] = []) {
        for set in sets {
            if let other = self.sets[set.scope], other.source == .settings { continue }
            self.sets[set.scope] = set
        }
    }

    /// The set that holds for a host of a domain, both lower case with A-labels: the host's own where there is one.
    package func pins(domain: String, host: String) -> PinSet? { sets[.host(host)] ?? sets[.domain(domain)] }
}
