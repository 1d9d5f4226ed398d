// SPDX-License-Identifier: Apache-2.0

/// What DNSSEC says about an answer (RFC 4035 §4.3), and `failed` when there is none.
package enum LookupSecurity: String, Sendable, Hashable, CaseIterable {
    /// Signed up to a trust anchor; proven absence too.
    case secure
    /// Provably unsigned.
    case insecure
    /// Signatures are missing or wrong: never use such data.
    case bogus
    /// No answer came.
    case failed

    /// The answer may be used, as data or as absence.
    package var isAnswer: Bool { self == .secure || self == .insecure }

    /// Of questions for several types at one name, of which one answer is enough to go on: the best of them.
    ///
    /// `failed` for none.
    package static func best(_ several: [LookupSecurity]) -> LookupSecurity {
        for security in [LookupSecurity.secure, .insecure, .bogus] where several.contains(security) { return security }
        return .failed
    }
}
