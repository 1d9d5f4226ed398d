// SPDX-License-Identifier: Apache-2.0

/// That mail to a domain's host was once encrypted, and so must be again for a while.
///
/// Proofs are not learned: they come from DNSSEC, MTA-STS and pins.
package struct RatchetEntry: Sendable, Hashable, Codable {
    /// Ninety days, in seconds.
    package static let lasts: Int64 = 90 * 86_400
    /// An entry is written anew when it is older than a day, not with each message.
    package static let renewalAfter: Int64 = 86_400

    /// The recipient domain, lower case, A-labels.
    package let domain: String
    /// The mail host as the MX record names it, lower case.
    package let host: String
    /// The last time that a message was handed over inside TLS, in seconds since 1970.
    package let lastEncrypted: Int64

    package init(domain: String, host: String, lastEncrypted: Int64) {
        self.domain = domain
        self.host = host
        self.lastEncrypted = lastEncrypted
    }

    package var expiresAt: Int64 { lastEncrypted &+ RatchetEntry.lasts }

    /// A clock that was set back loosens nothing.
    package func holds(at now: Int64) -> Bool { now < expiresAt }

    /// What to store after a message was handed over inside TLS; nil when what is stored will do.
    package static func learned(
        _ entry: RatchetEntry?,
        domain: String,
        host: String,
        now: Int64
    ) -> RatchetEntry? {
        if let entry, entry.lastEncrypted > now &- renewalAfter { return nil }
        return RatchetEntry(domain: domain, host: host, lastEncrypted: now)
    }
}
