// SPDX-License-Identifier: Apache-2.0

/// What a certificate is good for, and if for nothing, why.
///
/// Reading a certificate throws the cases that leave nothing to judge (``malformed``, ``secretKey`` and the like);
/// judging one at a given time returns the others.
package enum CertificateVerdict: Error, Sendable, Hashable {
    case usable
    /// The whole key expired, in seconds since 1970.
    case expired(at: Int64)
    /// The key lives, but its last encryption subkey expired then.
    case subkeysExpired(at: Int64)
    /// Its owner withdrew the whole key.
    case revoked
    /// The key lives, but its owner withdrew the encryption subkeys.
    case subkeysRevoked
    /// It, or its encryption subkey, is dated in the future.
    case notYetValid(from: Int64)
    /// No part of it is meant for encryption.
    case signOnly
    /// It encrypts stored data only, not mail (RFC 9580 section 5.2.3.29, flag 0x08 without 0x04).
    case storageOnly
    /// Not version 4: old version 3, or versions 5 and 6, which this gateway does not write for.
    case unknownVersion(Int)
    /// The encryption subkey is of a kind that neither the writer nor librnp can encrypt to.
    case unsupported(algorithm: String)
    /// No valid user ID holds a mail address.
    case noUserID
    /// No valid user ID holds the address asked for.
    case noMatchingUserID
    /// Nothing in it carries a valid signature of its own.
    case unsigned
    /// Over 1 MiB without the signatures of others.
    case tooLarge
    /// Over 64 MiB in one file.
    case tooMuchInput
    /// Broken packets.
    case malformed
    /// A secret key, given by mistake.
    case secretKey
    /// No OpenPGP certificate at all.
    case noKey
    /// Judging it took longer than two seconds.
    case tooSlow

    package var isUsable: Bool { self == .usable }

    /// One sentence that says what is wrong and what to do; it names no person.
    package var sentence: String {
        switch self {
        case .usable: "This key can be used."
        case .expired(let at): "This key expired on \(Self.day(at)): ask its owner to extend it, then import it again."
        case .subkeysExpired(let at):
            "The encryption subkey of this key expired on \(Self.day(at)): ask its owner for a new one, then "
                + "import the key again."
        case .revoked: "Its owner revoked this key: ask for the new one."
        case .subkeysRevoked:
            "Its owner revoked the encryption subkey of this key: ask for the key with its new subkey, then "
                + "import that."
        case .notYetValid(let from):
            "This key is valid only from \(Self.day(from)): check the clocks of both machines, or wait until then."
        case .signOnly: "This key can only sign: ask its owner to add an encryption subkey, then import it again."
        case .storageOnly:
            "This key encrypts stored data only, not mail: ask its owner to add a subkey for communications, "
                + "then import it again."
        case .unknownVersion(let version):
            "This is a version \(version) key, and only version 4 can be used here: ask its owner for a version 4 key."
        case .unsupported(let algorithm):
            "This key encrypts with \(algorithm), which can't be used here: ask its owner for a Curve25519 or "
                + "RSA subkey."
        case .noUserID:
            "This key names no mail address under a valid signature: ask its owner to add one as user ID, then "
                + "import it again."
        case .noMatchingUserID:
            "This key does not name this address: import a key whose user ID holds it, or ask its owner to add it."
        case .unsigned:
            "No part of this key is signed by the key itself, so it is damaged or forged: fetch it again from "
                + "its owner."
        case .tooLarge:
            "This key is larger than 1 MiB even without the signatures of others: ask its owner for a minimal export."
        case .tooMuchInput: "This file is larger than 64 MiB: split it, and import the parts."
        case .malformed: "This key is damaged: export it anew, and import that."
        case .secretKey:
            "This is a secret key, which must never come here: keep it private, export the public key, and import that."
        case .noKey: "This holds no OpenPGP key: give a public key, armored or binary."
        case .tooSlow:
            "Checking this key took longer than two seconds, so it is refused: ask its owner for a minimal export."
        }
    }

    /// `2026-11-22`, in UTC, for seconds since 1970 (any: far ones are clamped to four-digit years).
    package static func day(_ seconds: Int64) -> String {
        let clamped = max(-62_135_596_800, min(253_402_300_799, seconds))
        let days = (clamped - (clamped % 86400 + 86400) % 86400) / 86400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfYear - (153 * shifted + 2) / 5 + 1, 2)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
