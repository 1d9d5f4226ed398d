// SPDX-License-Identifier: Apache-2.0

/// What the TXT records at `_mta-sts.` and a domain came to (RFC 8461 §3.1).
package enum STSRecord: Sendable, Hashable {
    /// One record, with the id of the policy that the domain now has.
    case id(String)
    case absent(Absence)
    /// The look-up failed: this is not absence.
    case unknown(LookupSecurity)

    package enum Absence: String, Sendable, Hashable, CaseIterable {
        case noRecord, severalRecords, malformed

        package var text: String {
            switch self {
            case .noRecord: "there is no MTA-STS record"
            case .severalRecords: "there is more than one MTA-STS record"
            case .malformed: "the MTA-STS record has wrong syntax"
            }
        }
    }

    /// Longer texts are malformed.
    private static let maxBytes = 4096

    /// - Parameter texts: each record's strings, joined.
    package init(_ security: LookupSecurity, _ texts: [[UInt8]]) {
        guard security.isAnswer else {
            self = .unknown(security)
            return
        }
        let candidates = texts.filter { $0.starts(with: "v=STSv1;".utf8) }
        switch candidates.count {
        case 0: self = .absent(.noRecord)
        case 1: self = STSRecord.id(candidates[0]).map(STSRecord.id) ?? .absent(.malformed)
        default: self = .absent(.severalRecords)
        }
    }

    /// The name at which to ask.
    package static func name(_ domain: String) -> String { "_mta-sts.\(domain)" }

    private static func id(_ text: [UInt8]) -> String? {
        TaggedText.fields(text, version: "v=STSv1", maxBytes: maxBytes)?.first { $0.name == "id" }
            .flatMap { isID($0.value) ? $0.value : nil }
    }

    /// 1 to 32 letters and digits.
    static func isID(_ id: String) -> Bool {
        (1...32).contains(id.utf8.count) && id.utf8.allSatisfy(TaggedText.isAlphanumeric)
    }
}

/// Records of fields with a semicolon between any two (RFC 8461 §3.1, RFC 8460 §3).
enum TaggedText {
    /// The fields behind the version, in their order; nil when one is malformed or there is none.
    static func fields(_ text: [UInt8], version: String, maxBytes: Int) -> [(name: String, value: String)]? {
        guard text.count <= maxBytes, text.allSatisfy({ $0 == 0x09 || (0x20...0x7e).contains($0) }) else { return nil }
        var parts = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map(trimmed)
        guard parts.first?.elementsEqual(version.utf8) == true else { return nil }
        parts.removeFirst()
        if parts.last?.isEmpty == true { parts.removeLast() }
        guard !parts.isEmpty else { return nil }
        var fields: [(name: String, value: String)] = []
        for part in parts {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let name = part[..<equals]
            let value = part[part.index(after: equals)...]
            guard isName(name), !value.isEmpty else { return nil }
            fields.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        return fields
    }

    /// A letter or digit, then at most 31 of those, `_`, `-` and `.`.
    static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        guard let first = name.first, isAlphanumeric(first), name.count <= 32 else { return false }
        return name.allSatisfy { isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2d || $0 == 0x2e }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let left = text.drop(while: isBlank)
        return left.prefix(left.count - left.reversed().prefix(while: isBlank).count)
    }
}
