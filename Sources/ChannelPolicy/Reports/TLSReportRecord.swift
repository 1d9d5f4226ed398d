// SPDX-License-Identifier: Apache-2.0

/// Where a domain wants its TLS reports (RFC 8460 §3).
package struct TLSReportRecord: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
        /// To POST to.
        case https(String)
        /// An address, decoded.
        case mail(String)
    }

    /// In the record's order; other schemes are left out.
    package let targets: [Target]

    /// So many targets are looked at.
    private static let maxTargets = 10

    /// The name at which to ask.
    package static func name(_ domain: String) -> String { "_smtp._tls.\(domain)" }

    /// Nil unless there is exactly one record, and that one is well formed and names a target.
    ///
    /// - Parameter texts: each record's strings, joined.
    package init?(_ texts: [[UInt8]]) {
        let candidates = texts.filter { $0.starts(with: "v=TLSRPTv1;".utf8) }
        guard candidates.count == 1,
            let fields = TaggedText.fields(candidates[0], version: "v=TLSRPTv1", maxBytes: 8192),
            let uris = fields.first(where: { $0.name == "rua" })?.value
        else { return nil }
        let targets = uris.split(separator: ",").prefix(TLSReportRecord.maxTargets).compactMap { uri in
            TLSReportRecord.target(TaggedText.trimmed(Array(uri.utf8)[...]))
        }
        guard !targets.isEmpty else { return nil }
        self.targets = targets
    }

    private static func target(_ uri: ArraySlice<UInt8>) -> Target? {
        guard uri.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "!") }),
            let colon = uri.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        let rest = uri[uri.index(after: colon)...]
        switch String(decoding: uri[..<colon], as: UTF8.self).lowercased() {
        case "https":
            guard rest.starts(with: "//".utf8), rest.count > 2 else { return nil }
            return .https(String(decoding: uri, as: UTF8.self))
        case "mailto":
            let address = rest.prefix { $0 != UInt8(ascii: "?") }
            guard let decoded = percentDecoded(address), decoded.contains("@") else { return nil }
            return .mail(decoded)
        default: return nil
        }
    }

    private static func percentDecoded(_ text: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.count >= 2, let pair = Hex.bytes(String(decoding: rest.prefix(2), as: UTF8.self)),
                    let value = pair.first, value > 0x20, value < 0x7f
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
