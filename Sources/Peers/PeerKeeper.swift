// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import Mail
package import Privacy
package import Store

/// Adds peers and keeps their pins fresh.
package struct PeerKeeper: Sendable {
    /// A pin that does not match has its peer looked at at once, but not more often than this.
    private static let mismatchPause: Int64 = 60

    /// Why a peer was not added.
    package enum Refusal: Error, Sendable {
        case known
        case statement(StatementFault)
        case store(StoreError)
    }

    package let book: PeerBook
    private let reader: StatementReader
    private let fetching: any StatementFetching
    private let turns: Turns
    private let time: Time
    private let whenPinsMove: @Sendable (Domain) async -> Void

    /// `whenPinsMove` is told, once the new pins are required, whose mail need not wait for its next try.
    package init(
        book: PeerBook,
        reader: StatementReader,
        fetching: any StatementFetching,
        time: Time,
        whenPinsMove: @escaping @Sendable (Domain) async -> Void
    ) {
        self.book = book
        self.reader = reader
        self.fetching = fetching
        self.time = time
        self.whenPinsMove = whenPinsMove
        turns = Turns()
    }

    /// What the servers of all peers must show now.
    package func pins() -> [PinSet] { book.pins(at: time.wall()) }

    /// Fetches and verifies the first statement of `domain`, signed by the key that the operators compared, and requires its pins
    /// from then on.
    package func add(_ domain: Domain, key: KeyFingerprint) async throws(Refusal) -> PeerRecord {
        try await turns.take(domain.key) { () async throws(Refusal) in
            guard !book.has(domain.key) else { throw .known }
            let record = try await first(of: domain, key)
            do throws(StoreError) { try await book.put(record) } catch { throw .store(error) }
            return record
        }
    }

    private func first(of domain: Domain, _ key: KeyFingerprint) async throws(Refusal) -> PeerRecord {
        let now = time.wall()
        do throws(StatementFault) {
            let reading = await reader.read(try await fetching.statement(of: domain).get(), at: now)
            // Said first: with another key, nothing else about it matters.
            if let signer = reading.signer, signer != key { throw .otherKey(signer) }
            if reading.isCompromised { throw .revoked }
            let life = try PeerLife(
                try reading.statement.get(),
                of: domain.key,
                compared: key,
                signedBy: reading.signer ?? key,
                now: now.seconds
            )
            var random = SystemRandomNumberGenerator()
            let next = RefreshTime.afterSuccess(now: now.seconds, using: &random)
            return PeerRecord(life, certificate: reading.certificate, now: now.seconds, nextLook: next)
        } catch {
            throw .statement(error)
        }
    }

    /// Looks at the statement of a peer; nil when there is no such peer.
    @discardableResult
    package func refresh(_ domain: String) async throws(StoreError) -> PeerRecord? {
        let asked = time.wall().seconds
        return try await refresh(domain) { $0.lastLook > asked }
    }

    /// Looks at each statement whose time has come, a few at a time.
    package func refreshDue() async {
        let now = time.wall().seconds
        let due = book.all.filter { $0.life.revokedSince == nil && $0.nextLook <= now }.map(\.life.domain)
        await withTaskGroup(of: Void.self) { group in
            for (index, domain) in due.enumerated() {
                if index >= 4 { await group.next() }
                group.addTask {
                    // A store that fails has its own alarm; the peer stays due.
                    _ = try? await refresh(domain) { $0.nextLook > now }
                }
            }
        }
    }

    /// Looks at the statement of a peer whose server showed a key that no pin fits: it may have changed its keys since the last look.
    package func mismatch(domain: Domain) async {
        let asked = time.wall().seconds
        _ = try? await refresh(domain.key) { $0.lastLook > asked - Self.mismatchPause }
    }

    /// One look at a time for a domain; `isDone` says whether the one before made this one superfluous.
    private func refresh(
        _ domain: String,
        unless isDone: (PeerRecord) -> Bool
    ) async throws(StoreError) -> PeerRecord? {
        try await turns.take(domain) { () async throws(StoreError) in
            guard let record = book.peer(domain), !isDone(record), let name = Domain(domain) else {
                return book.peer(domain)
            }
            let (looked, movesPins) = await look(at: record, name)
            // An operator who removed the peer meanwhile waits for this turn.
            try await book.put(looked)
            if movesPins { await whenPinsMove(name) }
            return looked
        }
    }

    /// Forgets a peer; whether there was one.
    package func remove(_ domain: String) async throws(StoreError) -> Bool {
        try await turns.take(domain) { () async throws(StoreError) in
            guard book.has(domain) else { return false }
            try await book.remove(domain)
            return true
        }
    }

    private func look(at record: PeerRecord, _ domain: Domain) async -> (PeerRecord, movesPins: Bool) {
        var record = record
        var movesPins = false
        let known = record.certificate
        let key = record.life.key
        let served = await fetching.statement(of: domain)
        let now = time.wall()
        do throws(StatementFault) {
            let reading = await reader.read(try served.get(), at: now) { $0 == key ? known : nil }
            movesPins = try take(reading, into: &record, now.seconds)
            record.failures = 0
            record.trouble = nil
            record.lastAccepted = now.seconds
        } catch {
            record.failures += 1
            record.trouble = PeerRecord.Trouble(sentence: error.sentence, isRefusal: error.isRefusal)
        }
        var random = SystemRandomNumberGenerator()
        record.lastLook = now.seconds
        record.nextLook =
            record.trouble == nil
            ? RefreshTime.afterSuccess(now: now.seconds, using: &random)
            : RefreshTime.afterFailure(record.failures, now: now.seconds, using: &random)
        return (record, movesPins)
    }

    /// Returns whether other pins are required now.
    private func take(
        _ reading: StatementReading,
        into record: inout PeerRecord,
        _ now: Int64
    ) throws(StatementFault) -> Bool {
        guard let signer = reading.signer else {
            _ = try reading.statement.get()
            return false
        }
        if record.life.concerns(signer) {
            // What is new about the key stays known, even when the statement beside it is refused.
            record.certificate = reading.certificate
            if reading.isCompromised {
                record.life.freeze(now: now)
                throw .revoked
            }
        }
        let change = try record.life.take(try reading.statement.get(), signedBy: signer, now: now)
        if change.movesKey { record.certificate = reading.certificate }
        return change.movesPins
    }
}
