// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import FoundationEssentials

/// What opens a vault.
package enum VaultSecret: Sendable {
    /// 1 to 4,096 bytes, as typed.
    case passphrase(LockedBytes)
    /// The contents of a key file, 32 to 65,536 bytes.
    case keyFile(LockedBytes)

    package var kind: VaultSlotKind {
        switch self {
        case .passphrase: .passphrase
        case .keyFile: .keyFile
        }
    }
}

/// The kinds of slots that there are.
package enum VaultSlotKind: String, Sendable, Codable {
    case passphrase
    case keyFile = "key-file"
}

/// The root key, wrapped so that one secret opens it; like a LUKS slot.
struct VaultSlot: Codable, Sendable {
    struct Derivation: Codable, Sendable {
        var name: String
        var salt: Data
        /// scrypt only.
        var n: Int?
        var r: Int?
        var p: Int?
    }

    var kind: VaultSlotKind
    var derivation: Derivation
    var wrapped: Data

    /// scrypt with N = 2^17, r = 8, p = 1: 128 MiB and some tenths of a second for each guess (RFC 7914).
    static let scryptRounds = 1 << 17
    /// A file that asks for more is damaged: 2^20 would take 1 GiB.
    private static let acceptedRounds = (1 << 14)...(1 << 20)

    static func wrap(_ root: LockedBytes, with secret: VaultSecret, identity: VaultIdentity) throws(VaultError)
        -> VaultSlot
    {
        let salt = Data(Vault.randomBytes(32))
        let derivation =
            switch secret {
            case .passphrase: Derivation(name: "scrypt", salt: salt, n: scryptRounds, r: 8, p: 1)
            case .keyFile: Derivation(name: "hkdf-sha256", salt: salt)
            }
        var slot = VaultSlot(kind: secret.kind, derivation: derivation, wrapped: Data())
        let key = RecordKey(try slot.deriveKey(secret))
        let context = slot.context(identity)
        slot.wrapped = unsafe root.withBytes { unsafe key.seal($0, context: context) }
        return slot
    }

    /// The root key, or nil when the secret is not this slot's.
    func unwrap(with secret: VaultSecret, identity: VaultIdentity) throws(VaultError) -> LockedBytes? {
        guard kind == secret.kind else { return nil }
        let key = RecordKey(try deriveKey(secret))
        guard var root = try? key.open(wrapped, context: context(identity)) else { return nil }
        defer { wipe(&root) }
        guard root.count == 32 else { throw .malformed }
        return try LockedBytes(copying: root)
    }

    private func deriveKey(_ secret: VaultSecret) throws(VaultError) -> SymmetricKey {
        switch (secret, derivation.name) {
        case (.passphrase(let passphrase), "scrypt"):
            guard let n = derivation.n, let r = derivation.r, let p = derivation.p,
                Self.acceptedRounds.contains(n), n & (n - 1) == 0, r == 8, p == 1, derivation.salt.count >= 16
            else { throw .malformed }
            let key = unsafe passphrase.withBytes { bytes in
                try? unsafe KDF.Scrypt.deriveKey(
                    from: bytes,
                    salt: derivation.salt,
                    outputByteCount: 32,
                    rounds: n,
                    blockSize: r,
                    parallelism: p
                )
            }
            guard let key else { throw .malformed }
            return key
        case (.keyFile(let bytes), "hkdf-sha256"):
            guard derivation.salt.count >= 16 else { throw .malformed }
            return unsafe bytes.withBytes { bytes in
                HKDF<SHA256>.deriveKey(
                    inputKeyMaterial: unsafe SymmetricKey(data: bytes),
                    salt: derivation.salt,
                    info: Array("postern vault key file v1".utf8),
                    outputByteCount: 32
                )
            }
        default:
            throw .malformed
        }
    }

    /// Everything in the file that a slot's opener relies on, so that none of it can be changed unseen.
    private func context(_ identity: VaultIdentity) -> [UInt8] {
        let numbers = [derivation.n, derivation.r, derivation.p].map { "\($0 ?? 0)" }.joined(separator: ",")
        let words = [
            "postern vault slot", "\(identity.version)", identity.id.base64EncodedString(), "\(identity.created)",
            kind.rawValue, derivation.name, numbers, derivation.salt.base64EncodedString(),
        ]
        return Array(words.joined(separator: "\n").utf8)
    }
}
