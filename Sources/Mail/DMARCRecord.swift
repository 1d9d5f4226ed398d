// SPDX-License-Identifier: Apache-2.0

/// What a domain asks receivers to do with mail that only claims to be from it (RFC 7489 section 6.3).
///
/// Total: any bytes give a record or nil, and what is not understood is left out.
package struct DMARCRecord: Sendable, Hashable {
    package enum Policy: String, Sendable, Hashable {
        case none, quarantine, reject
    }

    /// `psd=` of the DNS tree walk: whether the name is one under which others register theirs.
    package enum PublicSuffix: Sendable, Hashable {
        case yes, no, unknown
    }

    /// `p=`: for the name itself.
    package let policy: Policy
    /// `sp=`: for the names below it; nil where it says nothing.
    package let subdomainPolicy: Policy?
    package let publicSuffix: PublicSuffix

    /// Longer texts are looked at only up to here.
    private static let longest = 4096

    /// Reads the text of one TXT record; nil for what is no DMARC record, or one without a policy.
    package init?(parsing text: [UInt8]) {
        var tags = text.prefix(Self.longest).split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .map(Self.tag)
        guard let version = tags.first, version.name == "v", version.value == Array("DMARC1".utf8) else { return nil }
        tags.removeFirst()
        let value = { (name: String) in tags.first { $0.name == name }?.value }
        if let policy = value("p").flatMap(Self.policy) {
            self.policy = policy
        } else {
            // RFC 7489 section 6.6.3: without a policy it counts as p=none, if it asks for reports at all.
            guard let reports = value("rua"), ASCII.hasPrefix(reports[...], ignoringCase: "mailto:".utf8) else {
                return nil
            }
            policy = .none
        }
        subdomainPolicy = value("sp").flatMap(Self.policy)
        switch value("psd").map({ ASCII.lower($0) }) {
        case Array("y".utf8): publicSuffix = .yes
        case Array("n".utf8): publicSuffix = .no
        default: publicSuffix = .unknown
        }
    }

    private static func tag(_ bytes: ArraySlice<UInt8>) -> (name: String, value: [UInt8]) {
        guard let equals = bytes.firstIndex(of: ASCII.equals) else { return ("", []) }
        let name = ASCII.lower(ASCII.trimmed(bytes[..<equals]))
        return (String(decoding: name, as: UTF8.self), Array(ASCII.trimmed(bytes[(equals + 1)...])))
    }

    private static func policy(_ value: [UInt8]) -> Policy? {
        Policy(rawValue: String(decoding: ASCII.lower(value), as: UTF8.self))
    }
}
