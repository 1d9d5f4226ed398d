// SPDX-License-Identifier: Apache-2.0

package import SMTPWire

/// Where answers of next hops about recipients are kept between call-aheads.
///
/// Whoever implements it seals them: keys and values tell about people.
package protocol VerificationMemory: Sendable {
    /// What was remembered under the key, unless its time is over.
    func recall(_ key: String) async -> RememberedVerification?
    /// Keeps an answer for so long, in place of an older one.
    func remember(_ key: String, _ answer: RememberedVerification, for span: Duration) async
}

/// An answer of a next hop, short enough to keep.
package enum RememberedVerification: Sendable, Hashable, Codable {
    case exists
    /// It does not, with the basic code of the refusal.
    case missing(code: Int)
}

/// What a call-ahead found out about a recipient.
package enum Verification: Sendable, Hashable {
    case accepted
    case rejected(RemoteReply)
    /// The next hop could not be asked, or would not say now: the client should come again (451).
    case unknown
}
