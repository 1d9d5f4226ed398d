// SPDX-License-Identifier: Apache-2.0

/// A certificate chain for the vault.
package struct NewChain: Codable, Sendable {
    /// DER, the server's own first.
    package var certificates: [[UInt8]]
    /// DER; nil: the chain is for a key that the vault made.
    package var key: [UInt8]?

    package init(certificates: [[UInt8]], key: [UInt8]?) {
        self.certificates = certificates
        self.key = key
    }
}

/// What is wanted of the next key.
package struct NextKeyOrder: Codable, Sendable {
    /// Empty: those of the certificate in use, else the gateway's own name.
    package var names: [String]
    /// RSA in place of ECDSA.
    package var isRSA: Bool
    /// Whether chains that wait go live at once, published or not.
    package var isHurried: Bool

    package init(names: [String] = [], isRSA: Bool = false, isHurried: Bool = false) {
        self.names = names
        self.isRSA = isRSA
        self.isHurried = isHurried
    }
}

/// The answer to ``NextKeyOrder``.
package struct NextKeyReport: Codable, Sendable {
    package var sentence: String
    package var next: CertificateReport.Next?
    /// A PKCS #10 request as PEM, where the vault made the key.
    package var request: String?

    package init(sentence: String, next: CertificateReport.Next?, request: String?) {
        self.sentence = sentence
        self.next = next
        self.request = request
    }
}

/// The server's certificates, and what there is to publish about them.
///
/// Times are seconds since 1970, digests hexadecimal.
package struct CertificateReport: Codable, Sendable {
    package var certificates: [Served] = []
    package var next: [Next] = []
    package var former: [Former] = []
    /// Since when the operator publishes TLSA records; nil: not.
    package var publishedSince: Int?
    /// Since when there is a commitment statement; nil: there is none.
    package var statedSince: Int?
    /// Lines for the zone file.
    package var tlsa: [String] = []
    package var policies: [STSPolicy] = []

    package init() {}

    package struct Served: Codable, Sendable {
        /// `file`, `vault` or `self-made`.
        package var origin: String
        package var file: String?
        package var names: [String]
        package var begins: Int
        package var expires: Int
        package var certificate: String
        package var publicKey: String
        package var kind: String

        package init(
            origin: String,
            file: String?,
            names: [String],
            begins: Int,
            expires: Int,
            certificate: String,
            publicKey: String,
            kind: String
        ) {
            self.origin = origin
            self.file = file
            self.names = names
            self.begins = begins
            self.expires = expires
            self.certificate = certificate
            self.publicKey = publicKey
            self.kind = kind
        }
    }

    package struct Next: Codable, Sendable {
        package var names: [String]
        package var publicKey: String
        package var kind: String
        /// Since when it counts as published.
        package var since: Int
        /// From when on it may be used; nil: not before a statement holds it.
        package var usableFrom: Int?
        /// When its certificate expires; nil: it has none yet.
        package var expires: Int?
        /// Whether the vault made it.
        package var isOurs: Bool

        package init(
            names: [String],
            publicKey: String,
            kind: String,
            since: Int,
            usableFrom: Int?,
            expires: Int?,
            isOurs: Bool
        ) {
            self.names = names
            self.publicKey = publicKey
            self.kind = kind
            self.since = since
            self.usableFrom = usableFrom
            self.expires = expires
            self.isOurs = isOurs
        }
    }

    /// A key that was replaced; its record stays published until then.
    package struct Former: Codable, Sendable {
        package var publicKey: String
        package var until: Int

        package init(publicKey: String, until: Int) {
            self.publicKey = publicKey
            self.until = until
        }
    }

    /// What MTA-STS (RFC 8461) has published for one domain.
    package struct STSPolicy: Codable, Sendable {
        package var domain: String
        /// A line for the zone file.
        package var record: String
        package var address: String
        package var file: String

        package init(domain: String, record: String, address: String, file: String) {
            self.domain = domain
            self.record = record
            self.address = address
            self.file = file
        }
    }
}
