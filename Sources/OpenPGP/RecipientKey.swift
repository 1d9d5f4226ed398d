// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import Glibc
import Synchronization

/// A subkey made ready for the own writer: the public key is loaded once and then used for every message.
struct RecipientKey: Sendable {
    private enum Algorithm: Sendable {
        case rsa(RSARecipient)
        case ecdh(ECDHRecipient)
    }

    private let algorithm: Algorithm
    private let number: UInt8
    private let keyID: [UInt8]

    /// Throws ``CertificateVerdict/unsupported(algorithm:)`` for kinds that swift-crypto lacks or refuses.
    init(_ key: PublicKeyPacket) throws(CertificateVerdict) {
        number = key.algorithm
        keyID = Array(key.keyID)
        do {
            switch key.material {
            case .rsa(let modulus, let exponent):
                algorithm = .rsa(try RSARecipient(modulus: modulus, exponent: exponent))
            case .ecdh(let curve, let point, let hash, let cipher):
                algorithm = .ecdh(
                    try ECDHRecipient(
                        curve: curve,
                        point: point,
                        hash: hash,
                        cipher: cipher,
                        fingerprint: key.fingerprint
                    )
                )
            case .elgamal, .other: throw CertificateVerdict.unsupported(algorithm: key.name)
            }
        } catch {
            throw .unsupported(algorithm: key.name)
        }
    }

    /// The whole packet that gives `sessionKey` to this key alone (RFC 9580 section 5.1.1, version 3).
    func sessionKeyPacket(_ sessionKey: SymmetricKey, cipher: CipherAlgorithm) throws -> [UInt8] {
        var clear = [cipher.rawValue]
        unsafe sessionKey.withUnsafeBytes { unsafe clear.append(contentsOf: $0) }
        let sum = clear.dropFirst().reduce(UInt16(0)) { $0 &+ UInt16($1) }
        clear += [UInt8(sum >> 8), UInt8(sum & 0xFF)]
        defer { clear.wipe() }
        var body: [UInt8] = [3] + keyID + [number]
        switch algorithm {
        case .rsa(let key): body += try key.encrypt(clear)
        case .ecdh(let key): body += try key.encrypt(clear)
        }
        return PacketWalker.header(tag: 1, count: body.count) + body
    }
}

/// The RSA half of a PKESK (RFC 9580 section 5.1.3).
// Immutable; BoringSSL locks what it caches inside a public key, so several threads may encrypt to one at a time.
// swift-crypto declares the same class Sendable under its signing name.
private final class RSARecipient: @unchecked Sendable {
    private let key: _RSA.Encryption.PublicKey

    init(modulus: [UInt8], exponent: [UInt8]) throws {
        key = try _RSA.Encryption.PublicKey(n: modulus, e: exponent)
    }

    /// PKCS#1 v1.5, which OpenPGP prescribes, as a multiprecision integer.
    func encrypt(_ clear: [UInt8]) throws -> [UInt8] {
        multiprecision([UInt8](try key.encrypt(clear, padding: ._WEAK_AND_INSECURE_PKCS_V1_5)))
    }
}

/// The prepared keys of one certificate, made when first asked for.
final class RecipientKeyCache: Sendable {
    private let keys = Mutex<[[UInt8]: RecipientKey]>([:])

    func key(for subkey: Subkey) throws(CertificateVerdict) -> RecipientKey {
        if let key = keys.withLock({ $0[subkey.fingerprint] }) { return key }
        let key = try RecipientKey(subkey.publicKey())
        keys.withLock { $0[subkey.fingerprint] = key }
        return key
    }
}

/// A number as OpenPGP writes it: its length in bits, then its octets without leading zeros (RFC 9580 section 3.2).
func multiprecision(_ number: [UInt8]) -> [UInt8] {
    let significant = number.drop { $0 == 0 }
    let bits = significant.count * 8 - (significant.first?.leadingZeroBitCount ?? 0)
    return [UInt8(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits)] + significant
}

extension [UInt8] {
    /// Overwrites what was secret; the optimizer may not leave it out.
    mutating func wipe() {
        unsafe withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress { unsafe explicit_bzero(start, bytes.count) }
        }
    }
}
