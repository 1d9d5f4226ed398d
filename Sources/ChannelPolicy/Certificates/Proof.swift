// SPDX-License-Identifier: Apache-2.0

/// How a server proved who it is.
package enum Proof: Sendable, Hashable {
    /// Its own certificate or key is what this TLSA record says; names and dates don't count.
    case endEntity(UsableTLSA)
    /// Its chain leads, in `depth` steps, to the authority that this TLSA record names, and its certificate is for `name`.
    case trustAnchor(UsableTLSA, depth: Int, name: String)
    case pin(PinSet.Match)
    /// Its chain leads, in `depth` steps, to a public authority, and its certificate is for `name`.
    case publicAuthority(depth: Int, name: String)

    /// For the record.
    package var fixedWord: StaticString {
        switch self {
        case .endEntity: "dane-ee"
        case .trustAnchor: "dane-ta"
        case .pin(let match): match.slot == .current ? "pin" : "next-pin"
        case .publicAuthority: "web-pki"
        }
    }

    package var text: String {
        switch self {
        case .endEntity(let record): "the certificate matches TLSA \(record.record.shortText)"
        case .trustAnchor(let record, let depth, let name):
            "certificate \(depth) of the chain matches TLSA \(record.record.shortText), and the name is \(name)"
        case .pin(let match):
            match.slot == .current
                ? "the certificate matches \(match.pin.text)" : "the certificate matches the next pin \(match.pin.text)"
        case .publicAuthority(_, let name): "a public authority vouches for \(name)"
        }
    }
}

/// Why a server's certificate proved nothing.
package enum ProofFault: Error, Sendable, Hashable {
    case noCertificate
    /// The chain has more certificates, or larger ones, than are looked at.
    case tooLarge
    /// The certificate can't be read; `depth` 0 is the server's own.
    case unreadable(depth: Int)
    case noPinMatches
    case noTLSAMatches
    /// The chain doesn't lead to an authority that counts.
    case untrusted
    /// Finding a chain would cost too much.
    case tooManyPaths
    case expired(depth: Int)
    case notYetValid(depth: Int)
    case unreadableDates(depth: Int)
    /// An extension is marked critical and not known here.
    case criticalExtension(depth: Int)
    /// A certificate was used for what it isn't meant: not an authority, not a server, outside its constraints.
    case notAllowed(depth: Int)
    case wrongName

    /// For the record.
    package var fixedWord: StaticString {
        switch self {
        case .noCertificate: "no-certificate"
        case .tooLarge: "chain-too-large"
        case .unreadable: "unreadable-certificate"
        case .noPinMatches: "wrong-pin"
        case .noTLSAMatches: "no-tlsa-match"
        case .untrusted: "untrusted-chain"
        case .tooManyPaths: "too-many-paths"
        case .expired: "certificate-expired"
        case .notYetValid: "certificate-not-yet-valid"
        case .unreadableDates: "unreadable-dates"
        case .criticalExtension: "unknown-critical-extension"
        case .notAllowed: "constraint-broken"
        case .wrongName: "wrong-name"
        }
    }

    package var text: String {
        switch self {
        case .noCertificate: "the server showed no certificate"
        case .tooLarge: "the chain is too large"
        case .unreadable(let depth): "certificate \(depth) of the chain can't be read"
        case .noPinMatches: "the certificate matches no pin"
        case .noTLSAMatches: "the certificate matches no TLSA record"
        case .untrusted: "the chain leads to no authority that counts"
        case .tooManyPaths: "the chain has too many branches"
        case .expired(let depth): "certificate \(depth) of the chain has expired"
        case .notYetValid(let depth): "certificate \(depth) of the chain is not valid yet"
        case .unreadableDates(let depth): "the dates of certificate \(depth) of the chain can't be read"
        case .criticalExtension(let depth): "certificate \(depth) of the chain has an unknown critical extension"
        case .notAllowed(let depth): "certificate \(depth) of the chain is not allowed to be where it stands"
        case .wrongName: "the certificate is for another name"
        }
    }
}
