// SPDX-License-Identifier: Apache-2.0

/// What a signature over a part of a certificate says (RFC 9580 section 5.2); whether it is valid is another question.
///
/// Only the hashed subpackets are believed, but for the issuer, which the check of the signature proves by itself.
struct SignaturePacket: Sendable {
    enum Kind: UInt8 {
        /// Over a document, byte for byte.
        case binaryDocument = 0x00
        case genericCertification = 0x10, personaCertification, casualCertification, positiveCertification
        case subkeyBinding = 0x18
        case directKey = 0x1F
        case keyRevocation = 0x20
        case subkeyRevocation = 0x28
        case certificationRevocation = 0x30

        var isCertification: Bool { (0x10...0x13).contains(rawValue) }
    }

    let packet: Packet
    private(set) var kind: Kind
    private(set) var version: UInt8
    /// RFC 9580 section 9.5.
    private(set) var hashAlgorithm: UInt8 = 0
    /// Seconds since 1970.
    private(set) var created: Int64 = 0
    /// Seconds after ``created``, when the signature ends.
    private(set) var expiresAfter: Int64?
    /// Seconds after the key was made, when the key ends.
    private(set) var keyExpiresAfter: Int64?
    /// The first octet of the key flags; `nil` when none are stated.
    private(set) var keyFlags: UInt8?
    private(set) var cipherPreferences: [UInt8] = []
    private(set) var features: UInt8 = 0
    private(set) var isPrimaryUserID = false
    /// The code of the reason for a revocation (RFC 9580 section 5.2.3.31).
    private(set) var revocationCode: UInt8?
    /// Something marked critical that is not understood: such a signature does not count.
    private(set) var hasUnknownCritical = false
    private var issuerKeyIDs: [Range<Int>] = []
    private var issuerFingerprints: [Range<Int>] = []

    /// A revocation for lost trust, or without a reason: counts for all time.
    var isHardRevocation: Bool {
        guard let code = revocationCode else { return true }
        return ![1, 3, 32].contains(code)
    }

    /// Whether it lives at `seconds`.
    func isLive(at seconds: Int64) -> Bool { created <= seconds && (ends.map { seconds < $0 } ?? true) }

    /// When the signature itself ends, in seconds since 1970.
    var ends: Int64? { expiresAfter.map { created + $0 } }

    /// `nil` for a kind that no certificate needs, another version than 3 and 4, or broken contents.
    init?(_ bytes: [UInt8], _ packet: Packet) {
        var reader = OctetReader(bytes, packet.body)
        guard let version = reader.octet() else { return nil }
        self.packet = packet
        self.version = version
        if version == 3 {
            guard reader.octet() == 5, let kind = reader.octet().flatMap({ Kind(rawValue: $0) }),
                let created = reader.number32(),
                let issuer = reader.take(8)
            else { return nil }
            self.kind = kind
            self.created = Int64(created)
            issuerKeyIDs = [issuer]
            return
        }
        guard version == 4, let kind = reader.octet().flatMap({ Kind(rawValue: $0) }),
            reader.octet() != nil, let hashAlgorithm = reader.octet(),
            let hashedCount = reader.number16(), let hashed = reader.take(hashedCount),
            let unhashedCount = reader.number16(), let unhashed = reader.take(unhashedCount), reader.take(2) != nil
        else { return nil }
        self.kind = kind
        self.hashAlgorithm = hashAlgorithm
        guard readSubpackets(bytes, hashed, areHashed: true), readSubpackets(bytes, unhashed, areHashed: false),
            created != 0
        else { return nil }
    }

    /// Whether the signature names `key` as its maker.
    func isIssued(by key: PublicKeyPacket, in bytes: [UInt8]) -> Bool {
        if !issuerFingerprints.isEmpty {
            return issuerFingerprints.contains { bytes[$0].elementsEqual(key.fingerprint) }
        }
        return issuerKeyIDs.contains { bytes[$0].elementsEqual(key.keyID) }
    }

    private mutating func readSubpackets(_ bytes: [UInt8], _ area: Range<Int>, areHashed: Bool) -> Bool {
        var reader = OctetReader(bytes, area)
        while reader.left > 0 {
            guard let count = Self.subpacketLength(&reader), count > 0, let range = reader.take(count) else {
                return false
            }
            let type = bytes[range.lowerBound]
            let body = (range.lowerBound + 1)..<range.upperBound
            readIssuer(bytes, type & 0x7F, body)
            if areHashed, !readHashed(bytes, type & 0x7F, body), type & 0x80 != 0 { hasUnknownCritical = true }
        }
        return true
    }

    private static func subpacketLength(_ reader: inout OctetReader) -> Int? {
        guard let first = reader.octet() else { return nil }
        if first < 192 { return Int(first) }
        if first == 255 { return reader.number32() }
        guard let second = reader.octet() else { return nil }
        return (Int(first) - 192) << 8 + Int(second) + 192
    }

    private mutating func readIssuer(_ bytes: [UInt8], _ type: UInt8, _ body: Range<Int>) {
        if type == 16, body.count == 8 { issuerKeyIDs.append(body) }
        if type == 33, body.count == 21, bytes[body.lowerBound] == 4 {
            issuerFingerprints.append((body.lowerBound + 1)..<body.upperBound)
        }
    }

    /// False for a type that is not understood.
    private mutating func readHashed(_ bytes: [UInt8], _ type: UInt8, _ body: Range<Int>) -> Bool {
        var reader = OctetReader(bytes, body)
        switch type {
        case 2: created = reader.number32().map { Int64($0) } ?? 0
        case 3: expiresAfter = reader.number32().flatMap { $0 == 0 ? nil : Int64($0) }
        case 9: keyExpiresAfter = reader.number32().flatMap { $0 == 0 ? nil : Int64($0) }
        case 11: cipherPreferences = Array(bytes[body].prefix(64))
        case 25: isPrimaryUserID = reader.octet() == 1
        case 27: keyFlags = reader.octet() ?? 0
        case 29: revocationCode = reader.octet()
        case 30: features = reader.octet() ?? 0
        case 4, 5, 6, 7, 12, 16, 21, 22, 23, 24, 26, 28, 31, 32, 33, 34: break
        default: return false
        }
        return true
    }
}
