// SPDX-License-Identifier: Apache-2.0

package import SMTPWire

/// The kinds of record that are asked for.
package enum RecordType: UInt16, Sendable, Hashable {
    case a = 1
    /// Only where the alias itself is of interest; every other question follows aliases.
    case cname = 5
    case ptr = 12
    case mx = 15
    case txt = 16
    case aaaa = 28
    case tlsa = 52
}

/// What DNSSEC says about an answer (RFC 4035 §4.3), and `failed` when there is none.
package enum DNSSecurity: Sendable, Hashable {
    /// Signed, and the signatures lead to a trust anchor.
    ///
    /// Proven absence is secure as well.
    case secure
    /// Provably unsigned, or under no trust anchor.
    case insecure
    /// Signatures that should be there are missing or wrong: an attack or a broken zone.
    ///
    /// Never use such data.
    case bogus
    /// No answer: time-out, no server reached, a server failure, or cancelled.
    case failed
}

/// The response code of an answer (RFC 1035 §4.1.1), as far as anybody decides on it.
package enum ResponseCode: Sendable, Hashable {
    case noError
    case serverFailure
    /// NXDOMAIN: the name does not exist, with any type of record.
    case nameError
    case refused
    case other(Int)

    package init(_ code: Int) {
        self =
            switch code {
            case 0: .noError
            case 2: .serverFailure
            case 3: .nameError
            case 5: .refused
            default: .other(code)
            }
    }
}

/// One record's data.
package enum DNSRecord: Sendable, Hashable {
    case address(IPAddress)
    /// `exchange` is in presentation form without its trailing dot; the root (a null MX, RFC 7505) is the empty
    /// string.
    case mx(preference: UInt16, exchange: String)
    /// The character strings of a TXT record, joined.
    case text([UInt8])
    /// The name that an address or an alias stands for, without its trailing dot.
    case name(String)
    /// A TLSA record (RFC 6698 §2.1), its three numbers as they came.
    case tlsa(usage: UInt8, selector: UInt8, matching: UInt8, data: [UInt8])
}

/// The answer to one question.
package struct DNSAnswer: Sendable, Hashable {
    package let security: DNSSecurity
    package let code: ResponseCode
    /// Where a chain of CNAMEs ended, without trailing dot; nil when the name had none.
    package let canonicalName: String?
    /// The records that could be read, in the order in which they came, up to the limit of their type.
    package let records: [DNSRecord]
    /// For how long the answer may be kept.
    package let timeToLive: Duration

    package init(
        security: DNSSecurity,
        code: ResponseCode = .noError,
        canonicalName: String? = nil,
        records: [DNSRecord] = [],
        timeToLive: Duration = .zero
    ) {
        self.security = security
        self.code = code
        self.canonicalName = canonicalName
        self.records = records
        self.timeToLive = timeToLive
    }

    /// No answer came.
    package static let failed = DNSAnswer(security: .failed, code: .serverFailure)

    /// The data may be used: it came, and it did not fail validation.
    package var isUsable: Bool { security == .secure || security == .insecure }

    /// The name is known not to exist.
    package var nameDoesNotExist: Bool { isUsable && code == .nameError }

    package var texts: [[UInt8]] {
        records.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    package var names: [String] {
        records.compactMap { if case .name(let name) = $0 { name } else { nil } }
    }

    package var addresses: [IPAddress] {
        records.compactMap { if case .address(let address) = $0 { address } else { nil } }
    }
}
