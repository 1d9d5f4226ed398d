// SPDX-License-Identifier: Apache-2.0

package import Mail
package import OpenPGP
package import Privacy

/// A certificate in the keyring, and how it came there.
package struct StoredKey: Sendable {
    /// Why the gateway believes that the key belongs to its addresses.
    package enum Trust: String, Sendable, Codable {
        /// The operator imported it.
        case confirmed
    }

    package let certificate: JudgedCertificate
    package let trust: Trust
    /// When it was first imported.
    package let added: WallTime
    /// Every address that the key was ever confirmed for.
    ///
    /// It keeps those whose user ID was withdrawn since: they had a key.
    package let addresses: [EmailAddress]

    /// Upper-case hexadecimal.
    package var fingerprint: String { certificate.fingerprintText }
}

extension StoredKey: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension StoredKey: Codable {
    private enum CodingKeys: String, CodingKey {
        case certificate, trust, added, addresses
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        certificate = try values.decode(JudgedCertificate.self, forKey: .certificate)
        trust = try values.decode(Trust.self, forKey: .trust)
        added = try values.decode(WallTime.self, forKey: .added)
        addresses = try values.decode([String].self, forKey: .addresses).map { text in
            if let address = EmailAddress(text) { return address }
            throw DecodingError.dataCorruptedError(forKey: .addresses, in: values, debugDescription: "not an address")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(certificate, forKey: .certificate)
        try values.encode(trust, forKey: .trust)
        try values.encode(added, forKey: .added)
        try values.encode(addresses.map(\.wire), forKey: .addresses)
    }
}
