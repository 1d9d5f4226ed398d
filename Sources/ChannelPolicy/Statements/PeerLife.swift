// SPDX-License-Identifier: Apache-2.0

/// What is known of a peer, and which statement may change it.
///
/// Pins come with an accepted statement and only another one moves them: neither time nor a failure takes them away.
package struct PeerLife: Sendable, Hashable, Codable {
    /// How long an announced key must have been seen before it counts.
    package static let nextKeyDelay: Int64 = 7 * 86_400
    /// How long before its end a statement that was not renewed raises an alarm.
    package static let expiryNotice: Int64 = 7 * 86_400
    /// By how much the clock of whoever issued a statement may be ahead.
    package static let clockTolerance: Int64 = 300

    package struct Announcement: Sendable, Hashable, Codable {
        package let key: KeyFingerprint
        package let firstSeen: Int64

        package var counts: Int64 { firstSeen + PeerLife.nextKeyDelay }
    }

    /// What an accepted statement changed.
    package struct Change: Sendable, Hashable {
        package let isNewer: Bool
        package let movesPins: Bool
        package let movesKey: Bool
    }

    package let domain: String
    /// The primary key whose statements count.
    package private(set) var key: KeyFingerprint
    package private(set) var announced: Announcement?
    package private(set) var statement: CommitmentStatement
    /// When the key was seen to be revoked as compromised.
    package private(set) var revokedSince: Int64?

    /// Begins with a first statement, signed by the key that the operators compared.
    package init(
        _ statement: CommitmentStatement,
        of domain: String,
        compared: KeyFingerprint,
        signedBy signer: KeyFingerprint,
        now: Int64
    ) throws(StatementFault) {
        try Self.check(statement, domain, now)
        guard signer == compared else { throw .otherKey(signer) }
        self.domain = domain
        key = compared
        self.statement = statement
        announce(statement.nextKey, now)
    }

    /// Takes a statement whose signature by a live key of `signer` is verified, or says why not and changes nothing.
    package mutating func take(
        _ new: CommitmentStatement,
        signedBy signer: KeyFingerprint,
        now: Int64
    ) throws(StatementFault) -> Change {
        guard revokedSince == nil else { throw .revoked }
        try checkSigner(signer, now)
        guard new.domain == domain else { throw .otherDomain }
        guard new.serial >= statement.serial else {
            throw .lowerSerial(new.serial, known: statement.serial)
        }
        if new.serial == statement.serial {
            guard new == statement, signer == key else { throw .reusedSerial(new.serial) }
            return Change(isNewer: false, movesPins: false, movesKey: false)
        }
        try Self.check(new, domain, now)
        let change = Change(
            isNewer: true,
            movesPins: new.pins != statement.pins || new.nextPins != statement.nextPins,
            movesKey: signer != key
        )
        if signer != key {
            key = signer
            announced = nil
        }
        statement = new
        announce(new.nextKey, now)
        return change
    }

    /// A compromised key may have signed anything: what is known stays, and nothing new is taken.
    package mutating func freeze(now: Int64) {
        if revokedSince == nil { revokedSince = now }
    }

    /// Whether statements by `signer` may count now or later, so that its revocation concerns this peer.
    package func concerns(_ signer: KeyFingerprint) -> Bool { signer == key }

    package func isExpired(at now: Int64) -> Bool { statement.expires <= now }

    /// Whether an operator should look, because the statement has ended or soon will.
    package func isNearEnd(at now: Int64) -> Bool { statement.expires - Self.expiryNotice <= now }

    /// What the peer's servers must show; for every mail host of its domain.
    package func pinSet(at now: Int64) -> PinSet {
        PinSet(
            .domain(domain),
            source: .statement(isExpired: isExpired(at: now)),
            current: statement.pins,
            next: statement.nextPins
        )
    }

    private func checkSigner(_ signer: KeyFingerprint, _ now: Int64) throws(StatementFault) {
        if signer == key { return }
        guard let announced, announced.key == signer else { throw .otherKey(signer) }
        guard now >= announced.counts else { throw .keyNotYet(from: announced.counts) }
    }

    /// A key that is announced again keeps the time when it was first seen; one that is left out is withdrawn.
    private mutating func announce(_ next: KeyFingerprint?, _ now: Int64) {
        guard let next, next != key else { return announced = nil }
        if announced?.key != next { announced = Announcement(key: next, firstSeen: now) }
    }

    private static func check(_ statement: CommitmentStatement, _ domain: String, _ now: Int64) throws(StatementFault) {
        guard statement.domain == domain else { throw .otherDomain }
        guard statement.issued <= now + clockTolerance else { throw .issuedInFuture(statement.issued) }
        guard statement.expires > now else { throw .expired(statement.expires) }
    }
}

/// When a peer's statement is looked at again.
package enum RefreshTime {
    private static let day: Int64 = 86_400
    private static let firstRetry: Int64 = 900
    private static let longestRetry: Int64 = 21_600

    /// After a look that went well: some time within a day, so that nobody can tell when, and not all come at once.
    package static func afterSuccess(now: Int64, using random: inout some RandomNumberGenerator) -> Int64 {
        now + Int64.random(in: 3600...day, using: &random)
    }

    /// After the `failures`th failure in a row: a quarter of an hour, doubled each time up to six hours, and up to half as much again.
    package static func afterFailure(
        _ failures: Int,
        now: Int64,
        using random: inout some RandomNumberGenerator
    ) -> Int64 {
        let wait = min(longestRetry, firstRetry << Int64(max(0, min(failures - 1, 10))))
        return now + wait + Int64.random(in: 0...(wait / 2), using: &random)
    }
}
