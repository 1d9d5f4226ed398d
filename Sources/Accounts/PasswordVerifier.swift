// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import FoundationEssentials
import Vault

/// What is kept of a password: scrypt with N = 2^15, r = 8, p = 1 and a salt of its own (RFC 7914).
struct PasswordVerifier: Codable, Sendable, Equatable {
    var salt: Data
    var rounds: Int
    var hash: Data

    private static let defaultRounds = 1 << 15
    static let acceptedLengths = 1...1024

    /// Blocks for some tens of milliseconds.
    init?(password: [UInt8]) {
        salt = Data(Vault.randomBytes(16))
        rounds = Self.defaultRounds
        guard let hash = Self.derive(password, salt: salt, rounds: rounds) else { return nil }
        self.hash = hash
    }

    /// One that no password meets, for users that do not exist: checking against it takes as long as any.
    static let nobody = PasswordVerifier(salt: Data(Vault.randomBytes(16)), hash: Data(Vault.randomBytes(32)))

    private init(salt: Data, hash: Data) {
        self.salt = salt
        self.rounds = Self.defaultRounds
        self.hash = hash
    }

    /// Whether `password` is the one.
    ///
    /// Blocks for some tens of milliseconds; compares in constant time.
    func accepts(_ password: [UInt8]) -> Bool {
        guard hash.count == 32, let derived = Self.derive(password, salt: salt, rounds: rounds) else { return false }
        return zip(derived, hash).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func derive(_ password: [UInt8], salt: Data, rounds: Int) -> Data? {
        guard rounds >= 1 << 14, rounds <= 1 << 20, rounds & (rounds - 1) == 0, acceptedLengths.contains(password.count)
        else { return nil }
        let key = try? KDF.Scrypt.deriveKey(
            from: password,
            salt: salt,
            outputByteCount: 32,
            rounds: rounds,
            blockSize: 8,
            parallelism: 1
        )
        return key?.withUnsafeBytes { Data($0) }
    }
}
