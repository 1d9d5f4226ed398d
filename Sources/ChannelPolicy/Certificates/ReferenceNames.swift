// SPDX-License-Identifier: Apache-2.0

import Mail

/// Comparing the names in a certificate with those that a client expects (RFC 6125 §6.4, RFC 7672 §3.2.3).
package enum ReferenceNames {
    /// The first of `references` that one of the names matches.
    ///
    /// `commonNames` count only when there is no DNS name at all; give none where they never count (RFC 8461 §4.2).
    package static func match(dnsNames: [String], commonNames: [String], references: [String]) -> String? {
        let presented = dnsNames.isEmpty ? commonNames : dnsNames
        return references.first { reference in presented.contains { CertificateName.covers($0, reference) } }
    }
}
