// SPDX-License-Identifier: Apache-2.0

/// What a session key is encrypted with, by public-key algorithm (RFC 9580 section 9.1).
package enum KeyMaterial: Sendable, Hashable {
    case rsa(modulus: [UInt8], exponent: [UInt8])
    /// The point is as in the packet: `04 x y`, or `40 x` for Curve25519 (RFC 9580 section 5.5.5.6).
    case ecdh(curve: Curve, point: [UInt8], kdfHash: UInt8, kdfCipher: UInt8)
    case elgamal(bits: Int)
    /// An algorithm that only signs, or that nothing here can encrypt to.
    case other
}

/// The curves that keys are known to use, by object identifier (RFC 9580 section 9.2).
package enum Curve: Sendable, Hashable {
    case curve25519, ed25519, p256, p384, p521, brainpoolP256, brainpoolP384, brainpoolP512, secp256k1
    case unknown([UInt8])

    private static let known: [(Curve, [UInt8], String)] = [
        (.curve25519, [0x2B, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01], "Curve25519"),
        (.ed25519, [0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01], "Ed25519"),
        (.p256, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], "NIST P-256"),
        (.p384, [0x2B, 0x81, 0x04, 0x00, 0x22], "NIST P-384"),
        (.p521, [0x2B, 0x81, 0x04, 0x00, 0x23], "NIST P-521"),
        (.brainpoolP256, [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07], "Brainpool P-256"),
        (.brainpoolP384, [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0B], "Brainpool P-384"),
        (.brainpoolP512, [0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0D], "Brainpool P-512"),
        (.secp256k1, [0x2B, 0x81, 0x04, 0x00, 0x0A], "secp256k1"),
    ]

    init(identifier: [UInt8]) {
        self = Self.known.first { $0.1 == identifier }?.0 ?? .unknown(identifier)
    }

    package var identifier: [UInt8] {
        if case .unknown(let identifier) = self { return identifier }
        return Self.known.first { $0.0 == self }?.1 ?? []
    }

    package var name: String { Self.known.first { $0.0 == self }?.2 ?? "an unknown curve" }
}
