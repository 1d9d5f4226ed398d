// SPDX-License-Identifier: Apache-2.0

/// Comparing the names in a certificate with those that a client expects (RFC 6125 §6.4, RFC 7672 §3.2.3).
package enum ReferenceNames {
    /// A star stands for exactly one label, the whole first one; everything else is compared label by label, ASCII case aside.
    package static func matches(_ presented: String, _ reference: String) -> Bool {
        guard let presented = labels(presented), let reference = labels(reference),
            presented.count == reference.count, presented.dropFirst() == reference.dropFirst()
        else { return false }
        if presented.first == star[...] { return presented.count > 2 }
        return presented.first == reference.first && presented.first?.contains(star[0]) == false
    }

    /// The first of `references` that one of the names matches.
    ///
    /// `commonNames` count only when there is no DNS name at all; give none where they never count (RFC 8461 §4.2).
    package static func match(dnsNames: [String], commonNames: [String], references: [String]) -> String? {
        let presented = dnsNames.isEmpty ? commonNames : dnsNames
        return references.first { reference in presented.contains { matches($0, reference) } }
    }

    private static let star = Array("*".utf8)

    /// Nil for what is no name: longer than any, not ASCII, or with an empty label.
    private static func labels(_ name: String) -> [ArraySlice<UInt8>]? {
        var bytes = name.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        if bytes.last == 0x2e { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 255, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        let labels = bytes.split(separator: 0x2e, omittingEmptySubsequences: false)
        return labels.contains { $0.isEmpty } ? nil : labels
    }
}
