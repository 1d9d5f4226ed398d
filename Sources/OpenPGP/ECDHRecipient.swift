// SPDX-License-Identifier: Apache-2.0

import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The ECDH half of a PKESK: an ephemeral key, a derived key, AES key wrap (RFC 9580 sections 5.1.5 and 11.5).
struct ECDHRecipient: Sendable {
    private enum Point: Sendable {
        case curve25519(Curve25519.KeyAgreement.PublicKey)
        case p256(P256.KeyAgreement.PublicKey)
        case p384(P384.KeyAgreement.PublicKey)
        case p521(P521.KeyAgreement.PublicKey)
    }

    private enum Hash: UInt8, Sendable {
        case sha256 = 8
        case sha384 = 9
        case sha512 = 10
    }

    private let point: Point
    private let hash: Hash
    private let cipher: CipherAlgorithm
    /// What binds the derived key to this recipient.
    private let parameter: [UInt8]

    init(curve: Curve, point: [UInt8], hash: UInt8, cipher: UInt8, fingerprint: [UInt8]) throws {
        switch curve {
        case .curve25519:
            guard point.count == 33, point[0] == 0x40 else { throw CertificateVerdict.malformed }
            self.point = .curve25519(try Curve25519.KeyAgreement.PublicKey(rawRepresentation: point[1...]))
        case .p256: self.point = .p256(try P256.KeyAgreement.PublicKey(x963Representation: point))
        case .p384: self.point = .p384(try P384.KeyAgreement.PublicKey(x963Representation: point))
        case .p521: self.point = .p521(try P521.KeyAgreement.PublicKey(x963Representation: point))
        default: throw CertificateVerdict.unsupported(algorithm: curve.name)
        }
        guard let known = Hash(rawValue: hash), let wrapping = CipherAlgorithm(rawValue: cipher) else {
            throw CertificateVerdict.unsupported(algorithm: curve.name)
        }
        self.hash = known
        self.cipher = wrapping
        let identifier = curve.identifier
        parameter =
            [UInt8(identifier.count)] + identifier + [18, 3, 1, hash, cipher] + Array("Anonymous Sender    ".utf8)
            + fingerprint
    }

    /// The ephemeral point as a multiprecision integer, then the wrapped key after its length.
    func encrypt(_ clear: [UInt8]) throws -> [UInt8] {
        let (ephemeral, secret) = try agree()
        // Padded to 40 octets whatever the cipher, so that the length does not tell which it is.
        let padding = 40 - clear.count
        guard padding > 0 else { throw CertificateVerdict.malformed }
        var padded = clear + [UInt8](repeating: UInt8(padding), count: padding)
        defer { padded.wipe() }
        let wrapped = try AES.KeyWrap.wrap(SymmetricKey(data: padded), using: derivedKey(from: secret))
        return multiprecision(ephemeral) + [UInt8(wrapped.count)] + wrapped
    }

    private func agree() throws -> (ephemeral: [UInt8], secret: SharedSecret) {
        switch point {
        case .curve25519(let key):
            let ephemeral = Curve25519.KeyAgreement.PrivateKey()
            return (
                [0x40] + ephemeral.publicKey.rawRepresentation, try ephemeral.sharedSecretFromKeyAgreement(with: key)
            )
        case .p256(let key):
            let ephemeral = P256.KeyAgreement.PrivateKey()
            return (
                [UInt8](ephemeral.publicKey.x963Representation), try ephemeral.sharedSecretFromKeyAgreement(with: key)
            )
        case .p384(let key):
            let ephemeral = P384.KeyAgreement.PrivateKey()
            return (
                [UInt8](ephemeral.publicKey.x963Representation), try ephemeral.sharedSecretFromKeyAgreement(with: key)
            )
        case .p521(let key):
            let ephemeral = P521.KeyAgreement.PrivateKey()
            return (
                [UInt8](ephemeral.publicKey.x963Representation), try ephemeral.sharedSecretFromKeyAgreement(with: key)
            )
        }
    }

    private func derivedKey(from secret: SharedSecret) -> SymmetricKey {
        switch hash {
        case .sha256: derive(SHA256(), secret)
        case .sha384: derive(SHA384(), secret)
        case .sha512: derive(SHA512(), secret)
        }
    }

    private func derive(_ function: some HashFunction, _ secret: SharedSecret) -> SymmetricKey {
        var function = function
        function.update(data: [0, 0, 0, 1])
        unsafe secret.withUnsafeBytes { unsafe function.update(bufferPointer: $0) }
        function.update(data: parameter)
        return unsafe function.finalize().withUnsafeBytes {
            unsafe SymmetricKey(data: UnsafeRawBufferPointer(rebasing: $0.prefix(cipher.keyBits / 8)))
        }
    }
}
