// SPDX-License-Identifier: Apache-2.0

import Crypto

/// A version 4 public key or subkey (RFC 9580 section 5.5.2).
struct PublicKeyPacket: Sendable {
    let packet: Packet
    /// Seconds since 1970.
    let created: Int64
    let algorithm: UInt8
    let material: KeyMaterial
    /// Algorithm and size for people: `RSA 4096`, `NIST P-256`.
    let name: String
    /// SHA-1 over the packet, 20 octets (RFC 9580 section 5.5.4.2).
    let fingerprint: [UInt8]

    var keyID: ArraySlice<UInt8> { fingerprint.suffix(8) }

    /// Whether the algorithm can encrypt at all; counts only where no key flags say more.
    var canEncrypt: Bool { [1, 2, 16, 18, 25, 26].contains(algorithm) }

    /// Whether the algorithm can sign at all, likewise.
    var canSign: Bool { [1, 3, 17, 19, 22, 27, 28].contains(algorithm) }

    /// Reads `packet`; throws ``CertificateVerdict/unknownVersion(_:)`` for another version than 4.
    init(_ bytes: [UInt8], _ packet: Packet) throws(CertificateVerdict) {
        var reader = OctetReader(bytes, packet.body)
        guard let version = reader.octet() else { throw .malformed }
        guard version == 4 else { throw .unknownVersion(Int(version)) }
        guard let created = reader.number32(), let algorithm = reader.octet(), packet.body.count <= 0xFFFF else {
            throw .malformed
        }
        guard let (material, name) = Self.readMaterial(algorithm, &reader, bytes) else { throw .malformed }
        self.packet = packet
        self.created = Int64(created)
        self.algorithm = algorithm
        self.material = material
        self.name = name
        let length = packet.body.count
        var hash = Insecure.SHA1()
        hash.update(data: [0x99, UInt8(length >> 8), UInt8(length & 0xFF)])
        hash.update(data: bytes[packet.body])
        fingerprint = Array(hash.finalize())
    }

    /// `nil` when cut short.
    private static func readMaterial(
        _ algorithm: UInt8,
        _ reader: inout OctetReader,
        _ bytes: [UInt8]
    ) -> (KeyMaterial, String)? {
        switch algorithm {
        case 1, 2, 3:
            guard let modulus = reader.integer(), let exponent = reader.integer() else { return nil }
            let name = "RSA \(bitCount(modulus))"
            return (algorithm == 3 ? .other : .rsa(modulus: Array(modulus), exponent: Array(exponent)), name)
        case 16, 20:
            guard let prime = reader.integer(), reader.integer() != nil, reader.integer() != nil else { return nil }
            let bits = bitCount(prime)
            return (algorithm == 16 ? .elgamal(bits: bits) : .other, "ElGamal \(bits)")
        case 17:
            guard let prime = reader.integer() else { return nil }
            return (.other, "DSA \(bitCount(prime))")
        case 18, 19, 22:
            guard let curve = readCurve(&reader, bytes), let point = reader.integer() else { return nil }
            guard algorithm == 18 else { return (.other, curve.name) }
            guard reader.octet() == 3, reader.octet() == 1, let hash = reader.octet(), let cipher = reader.octet()
            else {
                return nil
            }
            return (.ecdh(curve: curve, point: Array(point), kdfHash: hash, kdfCipher: cipher), curve.name)
        default:
            let names: [UInt8: String] = [25: "X25519", 26: "X448", 27: "Ed25519", 28: "Ed448"]
            return (.other, names[algorithm] ?? "algorithm \(algorithm)")
        }
    }

    private static func readCurve(_ reader: inout OctetReader, _ bytes: [UInt8]) -> Curve? {
        guard let length = reader.octet(), length != 0, length != 0xFF, let range = reader.take(Int(length)) else {
            return nil
        }
        return Curve(identifier: Array(bytes[range]))
    }

    private static func bitCount(_ integer: ArraySlice<UInt8>) -> Int {
        guard let first = integer.first else { return 0 }
        return integer.count * 8 - first.leadingZeroBitCount
    }
}
