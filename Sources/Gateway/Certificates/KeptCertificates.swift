// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Mail
import Privacy

/// What the vault keeps of certificates and their keys, and the rules by which a new key takes an old one's place.
///
/// A value: no store, no clock. Once pins of ours are published (TLSA records, a commitment statement), a key that nobody knows
/// yet is used only after its pin has been published for ``publicationTime``.
struct KeptCertificates: Codable, Sendable, Equatable {
    /// A chain with its key, as it is stored.
    struct Chain: Codable, Sendable, Equatable {
        /// DER, the server's own first.
        var certificates: [Data]
        /// DER.
        var key: Data
        /// SHA-256 of SubjectPublicKeyInfo.
        var pin: Data
        /// The kind of key, for people.
        var kind: String
        var names: [String]
        var expires: WallTime
    }

    /// A key whose pin is published before it is used.
    struct Upcoming: Codable, Sendable, Equatable {
        var pin: Data
        var kind: String
        var names: [String]
        /// Since when its TLSA record is published, as far as the operator said.
        var since: WallTime
        /// Since when it stands in a statement.
        var statedSince: WallTime?
        /// PEM, where we made it.
        var made: String?
        /// The chain for it, once it is there.
        var chain: Chain?
    }

    /// The pin of a key that was replaced, published for a while on.
    struct Former: Codable, Sendable, Equatable {
        var pin: Data
        var names: [String]
        var until: WallTime
    }

    /// Those in use, the newest last.
    var live: [Chain] = []
    var upcoming: [Upcoming] = []
    var former: [Former] = []
    /// Since when TLSA records for our keys are published; nil: none are.
    var publishedSince: WallTime?
    /// Since when there is a statement with our pins; nil: there is none.
    var statedSince: WallTime?

    static let publicationTime = Duration.seconds(8 * 86_400)
    /// So many keys may wait to be published.
    static let mostUpcoming = 8

    /// What became of a chain.
    enum Taking: Equatable {
        case live
        /// From then on it may be used; nil: not before it stands in a statement.
        case staged(WallTime?)
    }

    var isPublished: Bool { publishedSince != nil || statedSince != nil }

    /// Takes in a chain: it goes live, or waits until its key's pin has been published long enough.
    ///
    /// - Parameter others: pins of keys in use that are kept elsewhere: those of the settings' files.
    mutating func take(_ chain: Chain, others: Set<Data>, now: WallTime) -> Taking {
        let index = upcoming.firstIndex { $0.pin == chain.pin }
        guard needsPublication(chain.pin, others: others, now: now) else {
            use(chain, now: now)
            return .live
        }
        if let index {
            upcoming[index].chain = chain
            upcoming[index].names = chain.names
            return .staged(ready(upcoming[index]))
        }
        let fresh = Upcoming(pin: chain.pin, kind: chain.kind, names: chain.names, since: now, chain: chain)
        upcoming.append(fresh)
        return .staged(ready(fresh))
    }

    private func needsPublication(_ pin: Data, others: Set<Data>, now: WallTime) -> Bool {
        let inUse = others.union(live.map(\.pin))
        guard isPublished, !inUse.isEmpty, !inUse.contains(pin), !former.contains(where: { $0.pin == pin }) else {
            return false
        }
        guard let known = upcoming.first(where: { $0.pin == pin }), let ready = ready(known) else { return true }
        return now < ready
    }

    /// When an upcoming key may be used; nil while it is missing in the statement that there is.
    func ready(_ key: Upcoming) -> WallTime? {
        guard statedSince != nil else { return key.since + Self.publicationTime }
        return key.statedSince.map { max($0, key.since) + Self.publicationTime }
    }

    /// Puts `chain` to use; what it replaces goes, and the replaced keys' pins stay published for a while.
    private mutating func use(_ chain: Chain, now: WallTime) {
        upcoming.removeAll { $0.pin == chain.pin }
        former.removeAll { $0.pin == chain.pin }
        var kept: [Chain] = []
        for (index, old) in live.enumerated() {
            let newer = live[(index + 1)...] + [chain]
            let isNeeded = !old.names.allSatisfy { name in newer.contains { $0.covers(name) } }
            if isNeeded { kept.append(old) }
        }
        let lost = live.filter { old in !kept.contains(old) && old.pin != chain.pin }
        live = kept + [chain]
        for old in lost where isPublished && !live.contains(where: { $0.pin == old.pin }) {
            former.append(Former(pin: old.pin, names: old.names, until: now + Self.publicationTime))
        }
    }

    /// Uses every chain whose time has come, and forgets what is over; how many chains went live.
    mutating func advance(to now: WallTime) -> Int {
        former.removeAll { $0.until <= now }
        let due = upcoming.filter { key in key.chain != nil && ready(key).map { $0 <= now } ?? false }
        for key in due { if let chain = key.chain { use(chain, now: now) } }
        return due.count
    }

    /// Uses every chain that waits, whether its pin is published or not; how many there were.
    mutating func hurry(now: WallTime) -> Int {
        let waiting = upcoming.compactMap(\.chain)
        for chain in waiting { use(chain, now: now) }
        return waiting.count
    }

    /// Notes that these pins stand in a statement from now on.
    mutating func noteStatement(_ pins: Set<Data>, now: WallTime) {
        statedSince = statedSince ?? now
        for index in upcoming.indices where pins.contains(upcoming[index].pin) {
            upcoming[index].statedSince = upcoming[index].statedSince ?? now
        }
    }

    /// The chain for `name`: of those that cover it the newest.
    func chain(for name: String) -> Chain? { live.last { $0.covers(name) } }

    /// Whether a new key must wait so long that the certificate which it replaces expires first, within `span`.
    ///
    /// - Parameter others: names and expiry of certificates in use that are kept elsewhere.
    func expiresBeforeNext(
        within span: Duration,
        of now: WallTime,
        others: [(names: [String], expires: WallTime)]
    ) -> Bool {
        upcoming.contains { key in
            let inUse = others + live.map { ($0.names, $0.expires) }
            let replaced = inUse.filter { one in
                key.names.contains { name in one.names.contains { CertificateName.covers($0, name) || $0 == name } }
            }
            guard let end = replaced.map(\.expires).min(), end - now <= span else { return false }
            return ready(key).map { end < $0 } ?? true
        }
    }
}

extension KeptCertificates.Chain {
    func covers(_ name: String) -> Bool { names.contains { $0 == name || CertificateName.covers($0, name) } }
}
