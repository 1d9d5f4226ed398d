// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import FoundationEssentials
import Vault

/// What SCRAM-SHA-256 keeps of a password (RFC 5802 section 5.1, RFC 7677): two keys from PBKDF2, with a salt of their own.
///
/// Nothing in it signs in by itself: a client proves the password, and the record only checks the proof.
package struct SCRAMVerifier: Codable, Sendable, Equatable {
    var salt: Data
    var iterations: Int
    var storedKey: Data
    var serverKey: Data

    /// RFC 7677 asks for at least 4,096.
    static let iterations = 65_536
    private static let saltLength = 16

    /// Nil for a password that is not all printable ASCII: such a one SASLprep (RFC 4013) leaves as it is.
    ///
    /// Blocks for some tens of milliseconds.
    init?(password: [UInt8]) {
        self.init(password: password, salt: Vault.randomBytes(Self.saltLength), iterations: Self.iterations)
    }

    init?(password: [UInt8], salt: [UInt8], iterations: Int) {
        guard Self.isPlain(password), PasswordVerifier.acceptedLengths.contains(password.count),
            let salted = try? KDF.Insecure.PBKDF2.deriveKey(
                from: password,
                salt: salt,
                using: .sha256,
                outputByteCount: 32,
                unsafeUncheckedRounds: iterations
            )
        else { return nil }
        let clientKey = HMAC<SHA256>.authenticationCode(for: Array("Client Key".utf8), using: salted)
        self.salt = Data(salt)
        self.iterations = iterations
        storedKey = Data(SHA256.hash(data: Data(clientKey)))
        serverKey = Data(HMAC<SHA256>.authenticationCode(for: Array("Server Key".utf8), using: salted))
    }

    /// One that no proof meets, for a login without a record; `secret` yields the same salt each time it is asked.
    init(nobody secret: [UInt8]) {
        salt = Data(secret.prefix(Self.saltLength))
        iterations = Self.iterations
        storedKey = Data(Vault.randomBytes(32))
        serverKey = Data(Vault.randomBytes(32))
    }

    /// Printable ASCII, the one kind of text that needs no preparation.
    static func isPlain(_ bytes: some Sequence<UInt8>) -> Bool { bytes.allSatisfy { (0x20...0x7e).contains($0) } }

    /// Whether `proof` (RFC 5802 section 3) is the client's for this dialogue.
    func accepts(proof: [UInt8], of message: [UInt8]) -> Bool {
        guard proof.count == 32, storedKey.count == 32 else { return false }
        let signature = HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: storedKey))
        let clientKey = zip(proof, signature).map { $0 ^ $1 }
        return zip(SHA256.hash(data: clientKey), storedKey).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// What proves to the client that we know the password's record.
    func serverSignature(of message: [UInt8]) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: serverKey)))
    }
}
