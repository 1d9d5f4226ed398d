// SPDX-License-Identifier: Apache-2.0

package import Mail

extension JudgedCertificate {
    /// What the certificate is good for at `seconds` since 1970, for mail to `address` or, without one, to anybody it
    /// names.
    ///
    /// The first thing that stands in the way is named; what ends the whole key comes before what ends a part.
    package func verdict(at seconds: Int64, for address: EmailAddress? = nil) -> CertificateVerdict {
        if !isSigned { return .unsigned }
        if let from = revokedFrom, from <= seconds { return .revoked }
        if created > seconds { return .notYetValid(from: created) }
        if let expires, expires <= seconds { return .expired(at: expires) }
        let named = addresses(at: seconds)
        if named.isEmpty { return .noUserID }
        if let address, !named.contains(address) { return .noMatchingUserID }
        return encryptionSubkeys(at: seconds).isEmpty ? subkeyVerdict(at: seconds) : .usable
    }

    /// Why no subkey will do: what comes nearest to doing is named.
    private func subkeyVerdict(at seconds: Int64) -> CertificateVerdict {
        let meant = subkeys.filter { $0.purpose == .communications }
        guard !meant.isEmpty else { return subkeys.contains { $0.purpose == .storage } ? .storageOnly : .signOnly }
        let supported = meant.filter(\.isSupported)
        guard !supported.isEmpty else { return .unsupported(algorithm: meant[0].algorithm) }
        let bound = supported.filter(\.isBound)
        guard !bound.isEmpty else { return .unsigned }
        let kept = bound.filter { ($0.revokedFrom ?? .max) > seconds }
        guard !kept.isEmpty else { return .subkeysRevoked }
        if let from = kept.map(\.created).filter({ $0 > seconds }).min() { return .notYetValid(from: from) }
        return .subkeysExpired(at: kept.compactMap(\.expires).max() ?? seconds)
    }

    /// For `keys show`: one line a fact, times in UTC; the caller decides who may see it.
    package func summary(at seconds: Int64) -> [String] {
        var lines = ["fingerprint  \(fingerprintText)", "algorithm    \(algorithm)"]
        lines.append("made         \(CertificateVerdict.day(created))")
        lines.append("expires      \(expires.map(CertificateVerdict.day) ?? "never")")
        for userID in certifiedUserIDs {
            lines.append("user ID      \(userID.text.printable)\(userID.isLive(at: seconds) ? "" : " (not valid)")")
        }
        for subkey in subkeys where subkey.purpose != .other {
            let state = subkey.isBound ? subkey.isLive(at: seconds) ? "live" : "ended" : "not bound"
            let end = subkey.expires.map { "expires " + CertificateVerdict.day($0) } ?? "never expires"
            let use = subkey.purpose == .storage ? ", stored data only" : ""
            lines.append("encrypts     \(subkey.keyID.hexadecimal) \(subkey.algorithm), \(state), \(end)\(use)")
        }
        lines.append("verdict      \(verdict(at: seconds).sentence)")
        return lines
    }
}

extension String {
    /// Without control characters, which could play tricks on a terminal.
    fileprivate var printable: String {
        String(
            String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 })
        )
    }
}
