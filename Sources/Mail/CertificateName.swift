// SPDX-License-Identifier: Apache-2.0

/// The names in certificates, `*.example.org` among them.
package enum CertificateName {
    /// Whether a name in a certificate stands for `host` (RFC 6125 section 6.4, RFC 7672 section 3.2.3).
    ///
    /// A star stands for exactly one label, the whole first one, before two others at least; everything else is compared label by
    /// label, ASCII case aside. Total: what is no name, on either side, matches nothing.
    package static func covers(_ presented: String, _ host: String) -> Bool {
        guard let presented = labels(presented), let host = labels(host), presented.count == host.count,
            presented.dropFirst() == host.dropFirst()
        else { return false }
        if presented.first == star[...] { return presented.count > 2 }
        return presented.first == host.first && presented.first?.contains(star[0]) == false
    }

    private static let star = Array("*".utf8)

    /// Nil for what is no name: longer than any, not ASCII, or with an empty label.
    private static func labels(_ name: String) -> [ArraySlice<UInt8>]? {
        var bytes = ASCII.lower(Array(name.utf8))
        if bytes.last == ASCII.dot { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 255, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        let labels = bytes.split(separator: ASCII.dot, omittingEmptySubsequences: false)
        return labels.contains { $0.isEmpty } ? nil : labels
    }
}
