// SPDX-License-Identifier: Apache-2.0

/// Why a commitment statement is not accepted; what was known before stays as it is.
package enum StatementFault: Error, Sendable, Hashable {
    // What was fetched
    case notFetched(String)
    case tooLarge(maxBytes: Int)
    case notJSON
    case repeatedMember
    case missing(String)
    /// A member is not what it must be: its name, and what it must be.
    case malformed(String, mustBe: String)
    // The signature
    case certificate(String)
    case signature(String)
    /// The check itself did not come to an end; it says nothing about the statement.
    case notChecked(String)
    // What it says
    case validity
    case otherDomain
    case otherKey(KeyFingerprint)
    /// Signed by the announced key before its time.
    case keyNotYet(from: Int64)
    case lowerSerial(Int64, known: Int64)
    /// Another content under a serial that is known.
    case reusedSerial(Int64)
    case issuedInFuture(Int64)
    case expired(Int64)
    case revoked

    /// Whether somebody served what must not be accepted, so that an operator should look.
    ///
    /// What can't be fetched or checked is tried again, and only matters when it lasts.
    package var isRefusal: Bool {
        switch self {
        case .notFetched, .notChecked: false
        default: true
        }
    }

    /// What is said of a key that is in other hands, beside what is said of the signature.
    package static let compromised = "The key that signs was revoked as compromised."

    /// One sentence: what is wrong.
    package var sentence: String {
        switch self {
        case .notFetched(let why): why
        case .tooLarge(let maxBytes): "The statement, or a part of it, is larger than \(maxBytes) octets."
        case .notJSON: "What is served is no JSON object, so it is no statement."
        case .repeatedMember: "A member is given twice, so that two readers could understand two things."
        case .missing(let member): "The member \"\(member)\" is missing."
        case .malformed(let member, let expected): "The member \"\(member)\" must be \(expected)."
        case .certificate(let why): "The certificate in the statement can't be used: \(why)"
        case .signature(let why): why
        case .notChecked(let why): "The signature could not be checked: \(why)"
        case .validity:
            "It must be valid for \(CommitmentStatement.minDays) to \(CommitmentStatement.maxDays) days from its date of issue."
        case .otherDomain: "The statement is for another domain."
        case .otherKey(let key): "It is signed by another key, \(key.text), than the one that was compared."
        case .keyNotYet(let from):
            "It is signed by the announced next key, which counts only from \(CivilTime.text(from))."
        case .lowerSerial(let serial, let known):
            "Its serial \(serial) is lower than \(known), which is known already: an old statement is being served."
        case .reusedSerial(let serial): "Its serial \(serial) is known already with another content."
        case .issuedInFuture(let issued): "Its date of issue, \(CivilTime.text(issued)), lies in the future."
        case .expired(let at): "It expired on \(CivilTime.text(at))."
        case .revoked:
            "The key that signs for this peer was revoked as compromised: its pins stay as they are; compare a new key with its "
                + "operators, then remove the peer and add it again."
        }
    }
}
