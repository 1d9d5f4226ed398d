// SPDX-License-Identifier: Apache-2.0

/// The parts of one certificate, each with the signatures that name the primary key as their maker (RFC 9580 section
/// 10.1).
///
/// Made in one pass. Signatures of others, user attributes, broken or unsigned parts, and repeated packets are left out
/// while reading, so that memory is bounded by what is kept, however much is thrown at it.
struct CertificateOutline: Sendable {
    struct UserID: Sendable {
        let packet: Packet
        var signatures: [SignaturePacket] = []
    }

    struct Subkey: Sendable {
        let key: PublicKeyPacket
        var signatures: [SignaturePacket] = []
    }

    /// What the packets lie in.
    let bytes: [UInt8]
    let primary: PublicKeyPacket
    /// Direct-key signatures and revocations.
    private(set) var signatures: [SignaturePacket] = []
    private(set) var userIDs: [UserID] = []
    private(set) var subkeys: [Subkey] = []

    /// The most that the kept packets may add up to.
    static let maxBytes = 1 << 20
    /// A user ID may have as many octets as GnuPG takes.
    private static let maxUserIDBytes = 2048

    private enum Part { case primary, userID, subkey, ignored }

    private var part = Part.primary
    private var keptBytes: Int
    /// The signatures seen on the current part, to drop repeated ones.
    private var seen: Set<ArraySlice<UInt8>> = []

    /// Reads the certificate in `range` of `bytes`, which begins with its public key packet.
    init(_ bytes: [UInt8], in range: Range<Int>) throws(CertificateVerdict) {
        self.bytes = bytes
        var walker = PacketWalker(bytes, in: range)
        guard let first = try walker.next() else { throw .noKey }
        guard first.tag == PacketTag.publicKey else { throw first.tag == PacketTag.secretKey ? .secretKey : .noKey }
        primary = try PublicKeyPacket(bytes, first)
        keptBytes = first.whole.count
        while let packet = try walker.next() {
            try add(packet)
            guard keptBytes <= Self.maxBytes else { throw .tooLarge }
        }
        userIDs.removeAll { $0.signatures.isEmpty }
        subkeys.removeAll { $0.signatures.isEmpty }
        seen = []
    }

    /// The certificate with only what was kept.
    var stripped: [UInt8] {
        var output = Array(bytes[primary.packet.whole])
        output.reserveCapacity(keptBytes)
        for signature in signatures { output += bytes[signature.packet.whole] }
        for userID in userIDs {
            output += bytes[userID.packet.whole]
            for signature in userID.signatures { output += bytes[signature.packet.whole] }
        }
        for subkey in subkeys {
            output += bytes[subkey.key.packet.whole]
            for signature in subkey.signatures { output += bytes[signature.packet.whole] }
        }
        return output
    }

    private mutating func add(_ packet: Packet) throws(CertificateVerdict) {
        switch packet.tag {
        case PacketTag.signature: addSignature(packet)
        case PacketTag.userID: addUserID(packet)
        case PacketTag.publicSubkey: addSubkey(packet)
        case PacketTag.userAttribute: part = .ignored
        case PacketTag.secretSubkey: throw .secretKey
        case PacketTag.trust, PacketTag.marker, PacketTag.padding, 40...63: break
        default: throw .malformed
        }
    }

    private mutating func addUserID(_ packet: Packet) {
        seen.removeAll()
        dropUnsignedPart()
        part = packet.body.count <= Self.maxUserIDBytes ? .userID : .ignored
        guard part == .userID else { return }
        userIDs.append(UserID(packet: packet))
        keptBytes += packet.whole.count
    }

    /// A subkey of another version or with broken contents is passed over; it could not be used anyway.
    private mutating func addSubkey(_ packet: Packet) {
        seen.removeAll()
        dropUnsignedPart()
        part = .ignored
        guard let key = try? PublicKeyPacket(bytes, packet) else { return }
        part = .subkey
        subkeys.append(Subkey(key: key))
        keptBytes += packet.whole.count
    }

    /// So that a flood of unsigned user IDs or subkeys does not add up.
    private mutating func dropUnsignedPart() {
        if part == .userID, let last = userIDs.last, last.signatures.isEmpty {
            keptBytes -= last.packet.whole.count
            userIDs.removeLast()
        }
        if part == .subkey, let last = subkeys.last, last.signatures.isEmpty {
            keptBytes -= last.key.packet.whole.count
            subkeys.removeLast()
        }
    }

    private mutating func addSignature(_ packet: Packet) {
        guard part != .ignored, let signature = SignaturePacket(bytes, packet),
            signature.isIssued(by: primary, in: bytes),
            seen.insert(bytes[packet.body]).inserted
        else { return }
        switch (part, signature.kind) {
        case (.primary, .directKey), (.primary, .keyRevocation): signatures.append(signature)
        case (.userID, .certificationRevocation): userIDs[userIDs.count - 1].signatures.append(signature)
        case (.userID, let kind) where kind.isCertification: userIDs[userIDs.count - 1].signatures.append(signature)
        case (.subkey, .subkeyBinding), (.subkey, .subkeyRevocation):
            subkeys[subkeys.count - 1].signatures.append(signature)
        default: return
        }
        keptBytes += packet.whole.count
    }
}
