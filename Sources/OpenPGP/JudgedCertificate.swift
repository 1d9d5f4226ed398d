// SPDX-License-Identifier: Apache-2.0

package import Mail

/// A certificate whose signatures have been checked, as facts with times: it can expire later without being judged
/// again.
///
/// All times are whole seconds since 1970. Values are small (the certificate itself is at most 1 MiB) and meant to be
/// kept in memory: the keys prepared for encryption are made once and shared by all copies. It tells about a person, so
/// it has no description.
package struct JudgedCertificate: Sendable, Codable {
    /// One user ID that carries, or carried, a valid signature of the key.
    package struct UserID: Sendable, Hashable, Codable {
        /// As it stands in the certificate: `Alice <alice@example.org>`.
        package let text: String
        package let isPrimary: Bool
        package let validFrom: Int64
        /// When its signature ends.
        package let expires: Int64?
        /// Since when it is withdrawn.
        package let revokedFrom: Int64?

        /// The mail address within, if there is one.
        package var address: EmailAddress? {
            guard text.last == ">", let open = text.lastIndex(of: "<") else { return EmailAddress(text) }
            return EmailAddress(String(text[text.index(after: open)...].dropLast()))
        }

        func isLive(at seconds: Int64) -> Bool {
            validFrom <= seconds && (expires ?? .max) > seconds && (revokedFrom ?? .max) > seconds
        }
    }

    /// The version of the primary key; always 4.
    package let version: Int
    @Base64Coded package private(set) var fingerprint: [UInt8]
    package let created: Int64
    /// When the whole key ends.
    package let expires: Int64?
    /// Since when the whole key is withdrawn; `Int64.min` when for all time (a key that may be in other hands).
    package let revokedFrom: Int64?
    /// Algorithm and size of the primary key: `RSA 4096`.
    package let algorithm: String
    /// Whether any part carries a valid signature by the key itself.
    package let isSigned: Bool
    package let certifiedUserIDs: [UserID]
    /// The parts that can encrypt or whose flags say so, the primary key among them when it is one; see
    /// ``encryptionSubkeys(at:)``.
    package let subkeys: [Subkey]
    /// Cipher algorithms (RFC 9580 section 9.3), most wanted first; empty when none are stated.
    package let cipherPreferences: [UInt8]
    /// The first octet of the features (RFC 9580 section 5.2.3.32).
    package let features: UInt8
    /// The stripped certificate in binary.
    @Base64Coded package private(set) var certificate: [UInt8]
    /// Only what encryption needs, for the worker; empty when the own writer knows every subkey.
    @Base64Coded private(set) var workerCertificate: [UInt8]
    /// The subkeys made ready, at most once.
    let recipientKeys = RecipientKeyCache()

    private enum CodingKeys: String, CodingKey {
        case version, fingerprint, created, expires, revokedFrom, algorithm, isSigned, certifiedUserIDs, subkeys
        case cipherPreferences, features, certificate, workerCertificate
    }

    init(facts: CertificateFacts, primary: PublicKeyPacket, certificate: [UInt8], workerCertificate: [UInt8]) {
        version = 4
        fingerprint = primary.fingerprint
        created = primary.created
        algorithm = primary.name
        expires = facts.expires
        revokedFrom = facts.revokedFrom
        isSigned = facts.isSigned
        certifiedUserIDs = facts.userIDs
        subkeys = facts.subkeys
        cipherPreferences = facts.cipherPreferences
        features = facts.features
        self.certificate = certificate
        self.workerCertificate = workerCertificate
    }

    package var keyID: [UInt8] { Array(fingerprint.suffix(8)) }
    /// Forty hexadecimal digits.
    package var fingerprintText: String { fingerprint.hexadecimal }
    /// Whether the whole key is withdrawn, now or from some time on.
    package var revoked: Bool { revokedFrom != nil }
    /// The texts of all user IDs that carry a valid signature, withdrawn ones included.
    package var userIDs: [String] { certifiedUserIDs.map(\.text) }

    /// The addresses that live user IDs name at `seconds`, each once.
    package func addresses(at seconds: Int64) -> [EmailAddress] {
        var seen: Set<EmailAddress> = []
        return certifiedUserIDs.filter { $0.isLive(at: seconds) }.compactMap(\.address).filter {
            seen.insert($0).inserted
        }
    }

    /// The addresses of all user IDs, whatever their state, each once: under which the certificate is to be found.
    package var addresses: [EmailAddress] {
        var seen: Set<EmailAddress> = []
        return certifiedUserIDs.compactMap(\.address).filter { seen.insert($0).inserted }
    }

    /// The subkeys that a message is encrypted to at `seconds`: live, not withdrawn, validly bound, meant for
    /// communications, of a kind that we can write for.
    package func encryptionSubkeys(at seconds: Int64) -> [Subkey] {
        subkeys.filter { $0.isBound && $0.purpose == .communications && $0.isLive(at: seconds) && $0.isSupported }
    }
}

extension JudgedCertificate: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension Sequence<UInt8> {
    /// Two upper-case digits an octet.
    package var hexadecimal: String {
        let digits = Array("0123456789ABCDEF".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
