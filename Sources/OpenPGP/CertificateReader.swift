// SPDX-License-Identifier: Apache-2.0

/// Takes certificates out of what people send: armored or binary, one or many, with or without a flood of signatures.
///
/// Total and linear; at most 64 MiB in, at most 1 MiB a certificate out.
package struct CertificateReader {
    /// The most that one file may hold.
    package static let maxInputBytes = 64 << 20
    /// The most that one certificate may have after ``strip(_:)``.
    package static let maxCertificateBytes = CertificateOutline.maxBytes

    /// Every certificate in `bytes` by itself, in order, in binary, still with the signatures of others.
    package static func split(_ bytes: [UInt8]) throws(CertificateVerdict) -> [[UInt8]] {
        let packets = try packets(in: bytes)
        return try ranges(in: packets).map { Array(packets[$0]) }
    }

    /// One certificate without the signatures of others, user attributes and unsigned parts.
    ///
    /// Kept are the primary key's own signatures: certifications, bindings, revocations. A revocation by a designated
    /// revoker can't be checked without the revoker's key, and goes.
    package static func strip(_ certificate: [UInt8]) throws(CertificateVerdict) -> [UInt8] {
        guard certificate.count <= maxInputBytes else { throw .tooMuchInput }
        return try CertificateOutline(certificate, in: 0..<certificate.count).stripped
    }

    /// The fingerprint of the primary key of one binary certificate, 20 octets.
    package static func fingerprint(of certificate: [UInt8]) throws(CertificateVerdict) -> [UInt8] {
        var walker = PacketWalker(certificate)
        guard let first = try walker.next(), first.tag == PacketTag.publicKey else { throw .noKey }
        return try PublicKeyPacket(certificate, first).fingerprint
    }

    /// Splits and strips in one pass: for each key in `bytes` its stripped certificate, or why it can't be used.
    ///
    /// Needs less memory than ``split(_:)`` when many signatures are to go. Throws when nothing in `bytes` can be told
    /// apart.
    package static func read(
        _ bytes: [UInt8]
    ) throws(CertificateVerdict) -> [Result<[UInt8], CertificateVerdict>] {
        let packets = try packets(in: bytes)
        return try ranges(in: packets).map { range in
            Result { () throws(CertificateVerdict) in try CertificateOutline(packets, in: range).stripped }
        }
    }

    /// The certificate in ASCII armor, for `keys export`.
    package static func armored(_ certificate: [UInt8]) -> String {
        var output: [UInt8] = []
        var armor = ArmorWriter(.publicKey)
        armor.write(certificate, into: &output)
        armor.finish(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private static func packets(in bytes: [UInt8]) throws(CertificateVerdict) -> [UInt8] {
        guard bytes.count <= maxInputBytes else { throw .tooMuchInput }
        return try ArmorReader.packets(in: bytes)
    }

    /// Where each certificate lies: a public key packet and all up to the next.
    private static func ranges(in packets: [UInt8]) throws(CertificateVerdict) -> [Range<Int>] {
        var walker = PacketWalker(packets)
        var starts: [Int] = []
        while let packet = try walker.next() {
            switch packet.tag {
            case PacketTag.publicKey: starts.append(packet.whole.lowerBound)
            case PacketTag.secretKey, PacketTag.secretSubkey: throw .secretKey
            case PacketTag.marker where starts.isEmpty: break
            default: guard !starts.isEmpty else { throw .noKey }
            }
        }
        guard !starts.isEmpty else { throw .noKey }
        return starts.indices.map { starts[$0]..<($0 + 1 < starts.count ? starts[$0 + 1] : packets.count) }
    }
}
