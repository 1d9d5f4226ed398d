// SPDX-License-Identifier: Apache-2.0

/// A TLSA record as the DNS holds it (RFC 6698 §2.1).
package struct TLSARecord: Sendable, Hashable {
    package let usage: UInt8
    package let selector: UInt8
    package let matching: UInt8
    package let data: [UInt8]

    package init(usage: UInt8, selector: UInt8, matching: UInt8, data: [UInt8]) {
        self.usage = usage
        self.selector = selector
        self.matching = matching
        self.data = data
    }

    /// `3 1 1 1f85…` (RFC 6698 §2.2), in lower case and whole.
    package var text: String { "\(usage) \(selector) \(matching) \(Hex.text(data))" }

    /// The same, with data longer than any digest cut.
    package var shortText: String {
        data.count <= 64
            ? text : "\(usage) \(selector) \(matching) \(Hex.text(data.prefix(32)))… (\(data.count) octets)"
    }
}

/// A TLSA record that SMTP can use (RFC 7672 §3.1).
package struct UsableTLSA: Sendable, Hashable {
    /// What the record is about.
    package enum Usage: UInt8, Sendable, Hashable {
        /// DANE-TA: an authority under which the server's certificate must stand.
        case trustAnchor = 2
        /// DANE-EE: the server's own certificate or key.
        case endEntity = 3
    }

    package enum Selector: UInt8, Sendable, Hashable {
        case certificate = 0
        case publicKey = 1
    }

    package enum Matching: UInt8, Sendable, Hashable {
        case full = 0
        case sha256 = 1
        case sha512 = 2

        /// Octets of the digest; nil for none.
        var digestLength: Int? {
            switch self {
            case .full: nil
            case .sha256: 32
            case .sha512: 64
            }
        }
    }

    /// Why a record can't be used.
    package enum Unusable: Error, Sendable, Hashable {
        /// 0 or 1: the public authorities say nothing on SMTP (RFC 7672 §3.1.3).
        case publicAuthority
        case unknownUsage
        case unknownSelector
        case unknownMatching
        case digestLength(found: Int)
        /// A full record that holds no certificate, or no key.
        case malformed

        package var text: String {
            switch self {
            case .publicAuthority: "usages 0 and 1 are not for SMTP"
            case .unknownUsage: "its usage is unknown"
            case .unknownSelector: "its selector is unknown"
            case .unknownMatching: "its matching type is unknown"
            case .digestLength(let found): "its digest has \(found) octets"
            case .malformed: "it holds no readable certificate or key"
            }
        }
    }

    package let usage: Usage
    package let selector: Selector
    package let matching: Matching
    package let data: [UInt8]

    package init(_ record: TLSARecord) throws(Unusable) {
        guard let usage = Usage(rawValue: record.usage) else {
            throw record.usage <= 1 ? .publicAuthority : .unknownUsage
        }
        guard let selector = Selector(rawValue: record.selector) else { throw .unknownSelector }
        guard let matching = Matching(rawValue: record.matching) else { throw .unknownMatching }
        if let length = matching.digestLength {
            guard record.data.count == length else { throw .digestLength(found: record.data.count) }
        } else {
            let isReadable =
                switch selector {
                case .certificate: CertificateOutline(der: record.data) != nil
                case .publicKey: CertificateOutline.isPublicKey(record.data[...])
                }
            guard isReadable else { throw .malformed }
        }
        self.usage = usage
        self.selector = selector
        self.matching = matching
        self.data = record.data
    }

    package var record: TLSARecord {
        TLSARecord(usage: usage.rawValue, selector: selector.rawValue, matching: matching.rawValue, data: data)
    }
}
