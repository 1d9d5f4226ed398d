// SPDX-License-Identifier: Apache-2.0

/// The parts of an X.509 certificate that fingerprints, TLSA records and dates are about (RFC 5280 §4.1), found without
/// understanding keys, names or extensions.
///
/// Total, and bounded by ``maxBytes``: a certificate with a key or a name that no library knows still has its outline.
package struct CertificateOutline: Sendable, Hashable {
    /// From when until when, both inclusive, in seconds since 1970.
    package struct Validity: Sendable, Hashable {
        package let notBefore: Int64
        package let notAfter: Int64
    }

    /// The certificate whole.
    package let der: [UInt8]
    /// SubjectPublicKeyInfo as it stands in the certificate.
    package let publicKey: [UInt8]
    /// 1, 2 or 3; other numbers as they are written, plus one.
    package let version: Int
    /// Nil when the dates can't be read.
    package let validity: Validity?

    /// Larger certificates are not looked at.
    package static let maxBytes = 65_536

    package init?(der: [UInt8]) {
        guard der.count <= CertificateOutline.maxBytes,
            var certificate = DERReader.only(DERReader.sequence, in: der[...]),
            let signed = certificate.next(DERReader.sequence),
            certificate.next(DERReader.sequence) != nil,
            certificate.next(DERReader.bitString) != nil,
            certificate.isAtEnd
        else { return nil }
        var reader = DERReader(signed.content)
        guard let version = CertificateOutline.version(&reader),
            reader.next(DERReader.integer) != nil,
            reader.next(DERReader.sequence) != nil,
            reader.next(DERReader.sequence) != nil,
            let dates = reader.next(DERReader.sequence),
            reader.next(DERReader.sequence) != nil,
            let key = reader.next(DERReader.sequence),
            CertificateOutline.isPublicKey(key.encoding)
        else { return nil }
        self.der = der
        self.publicKey = Array(key.encoding)
        self.version = version
        self.validity = CertificateOutline.validity(dates.content)
    }

    /// Whether the bytes are one SubjectPublicKeyInfo and nothing else, as far as its shape goes.
    package static func isPublicKey(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count <= maxBytes, var parts = DERReader.only(DERReader.sequence, in: bytes),
            parts.next(DERReader.sequence) != nil, let key = parts.next(DERReader.bitString)
        else { return false }
        return parts.isAtEnd && key.content.count > 1
    }

    private static func version(_ reader: inout DERReader) -> Int? {
        guard let tagged = reader.next(0xa0) else { return 1 }
        var inner = DERReader(tagged.content)
        guard let number = inner.next(DERReader.integer), inner.isAtEnd, number.content.count == 1,
            let value = number.content.first
        else { return nil }
        return Int(value) + 1
    }

    private static func validity(_ content: ArraySlice<UInt8>) -> Validity? {
        var reader = DERReader(content)
        guard let first = reader.next().flatMap(time), let last = reader.next().flatMap(time), reader.isAtEnd else {
            return nil
        }
        return Validity(notBefore: first, notAfter: last)
    }

    /// RFC 5280 §4.1.2.5: both forms with seconds and `Z`; two digits of a year mean 1950 to 2049.
    private static func time(_ element: DERElement) -> Int64? {
        let text = Array(element.content)
        guard text.last == UInt8(ascii: "Z") else { return nil }
        switch (element.tag, text.count) {
        case (DERReader.utcTime, 13):
            guard let year = CivilTime.number(text[0..<2]) else { return nil }
            return CivilTime.seconds(year: year < 50 ? 2000 + year : 1900 + year, compact: text[2..<12])
        case (DERReader.generalizedTime, 15):
            guard let year = CivilTime.number(text[0..<4]) else { return nil }
            return CivilTime.seconds(year: year, compact: text[4..<14])
        default: return nil
        }
    }
}
