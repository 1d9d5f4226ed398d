// SPDX-License-Identifier: Apache-2.0

/// A part of a certificate that encrypts, with what its binding signature says.
///
/// All times are seconds since 1970.
package struct Subkey: Sendable, Hashable, Codable {
    package enum Purpose: String, Sendable, Codable {
        /// The flag 0x04, or no flags at all on an algorithm that encrypts.
        case communications
        /// The flag 0x08 alone.
        case storage
        /// Signing, certifying, authentication.
        case other
    }

    @Base64Coded package private(set) var fingerprint: [UInt8]
    package let created: Int64
    package let expires: Int64?
    /// Since when it is withdrawn; `Int64.min` when for all time.
    package let revokedFrom: Int64?
    package let purpose: Purpose
    /// Algorithm and size: `RSA 4096`, `NIST P-256`.
    package let algorithm: String
    /// Whether its binding signature is valid.
    package let isBound: Bool
    /// Whether the own writer or the worker can encrypt to it.
    package let isSupported: Bool
    /// Whether only the worker can.
    package let needsWorker: Bool
    /// The body of its packet, from which the writer makes it ready.
    @Base64Coded private(set) var packetBody: [UInt8]

    package var keyID: [UInt8] { Array(fingerprint.suffix(8)) }

    init(_ key: PublicKeyPacket, in bytes: [UInt8], state: SubkeyState, isPrimary: Bool) {
        fingerprint = key.fingerprint
        created = key.created
        algorithm = key.name
        packetBody = Array(bytes[key.packet.body])
        expires = state.expires
        revokedFrom = state.revokedFrom
        isBound = state.isBound
        if let flags = state.flags {
            purpose = flags & 0x04 != 0 ? .communications : flags & 0x08 != 0 ? .storage : .other
        } else {
            // Keys from before key flags: the algorithm decides, but a primary key is then taken to sign.
            purpose = key.canEncrypt && !isPrimary ? .communications : .other
        }
        let isOwn = (try? RecipientKey(key)) != nil
        needsWorker = !isOwn
        isSupported = isOwn || Self.isKnownToWorker(key.material)
    }

    func isLive(at seconds: Int64) -> Bool {
        created <= seconds && (expires ?? .max) > seconds && (revokedFrom ?? .max) > seconds
    }

    /// The public key, read from what was kept.
    func publicKey() throws(CertificateVerdict) -> PublicKeyPacket {
        try PublicKeyPacket(
            packetBody,
            Packet(tag: PacketTag.publicSubkey, whole: packetBody.indices, body: packetBody.indices)
        )
    }

    private static func isKnownToWorker(_ material: KeyMaterial) -> Bool {
        switch material {
        case .rsa(let modulus, _): (128...2048).contains(modulus.count)
        case .elgamal(let bits): (1024...8192).contains(bits)
        case .ecdh(let curve, _, _, _):
            [.curve25519, .p256, .p384, .p521, .brainpoolP256, .brainpoolP384, .brainpoolP512, .secp256k1].contains(
                curve
            )
        case .other: false
        }
    }
}

/// What the signatures on a subkey add up to.
struct SubkeyState: Sendable {
    var isBound = false
    var expires: Int64?
    var revokedFrom: Int64?
    var flags: UInt8?
}
