// SPDX-License-Identifier: Apache-2.0

package import Privacy
import Synchronization

/// How many copies wait, by state and age.
package struct QueueCounts: Sendable, Equatable {
    package var ready = 0
    package var held = 0
    package var discarded = 0
    package var setAside = 0
    /// Of those above, how many somebody works on.
    package var leased = 0
    /// Bytes of held contents.
    package var heldBytes = 0
    /// By state: copies younger than an hour, four hours, a day, five days, and older; to the hour.
    package var byAge: [CopyState: [Int]] = [:]
}

/// Which copies ``QueueStore/list(_:)`` shows.
package struct QueueFilter: Sendable {
    package var states: Set<CopyState>
    /// Only copies for one of these next hops.
    package var nextHops: Set<NextHopHash>?
    package var limit: Int

    package init(
        states: Set<CopyState> = Set(CopyState.allCases),
        nextHops: Set<NextHopHash>? = nil,
        limit: Int = 1000
    ) {
        self.states = states
        self.nextHops = nextHops
        self.limit = limit
    }
}

extension QueueStore {
    private static let ageLimits: [Duration] = [
        .seconds(3600), .seconds(4 * 3600), .seconds(86400), .seconds(5 * 86400),
    ]

    /// Counts by state; by age to the hour, because only the hour in which a message came is known without opening it.
    package func counts() -> QueueCounts {
        let now = time.wall()
        var counts = totals()
        var byEpoch: [Int64: [CopyState: Int]] = [:]
        writer.index.withLock { index in
            for entry in index.entries.values { byEpoch[entry.epoch, default: [:]][entry.state, default: 0] += 1 }
        }
        let none = [Int](repeating: 0, count: Self.ageLimits.count + 1)
        for (epoch, copies) in byEpoch {
            let age = writer.epochs.withLock { $0.created(epoch) }.map { now - $0 } ?? .seconds(1 << 40)
            let column = Self.ageLimits.firstIndex { age < $0 } ?? Self.ageLimits.count
            for (state, number) in copies { counts.byAge[state, default: none][column] += number }
        }
        return counts
    }

    /// The same without the ages; costs nothing, however much waits.
    package func totals() -> QueueCounts {
        writer.index.withLock { index in
            var counts = QueueCounts()
            counts.ready = index.counts[.ready] ?? 0
            counts.held = index.counts[.held] ?? 0
            counts.discarded = index.counts[.discarded] ?? 0
            counts.setAside = index.counts[.setAside] ?? 0
            counts.leased = index.leased
            counts.heldBytes = index.heldBytes
            return counts
        }
    }

    /// How long the copy in `state` that was put in first has been tried; nil when there is none, or it does not open.
    package func oldest(_ state: CopyState) async throws(StoreError) -> Duration? {
        guard let row = writer.index.withLock({ $0.first(in: state) }) else { return nil }
        return try await load([row]).copies.first.map { time.wall() - $0.triedSince }
    }

    /// Next hops with copies in the queue whose ``NextHopHash/shortText`` this is.
    package func nextHops(named text: String) -> Set<NextHopHash> {
        writer.index.withLock { Set($0.nextHops.filter { $0.shortText == text }) }
    }

    package func hasCopies(for hop: NextHopHash) -> Bool { writer.index.withLock { $0.hasCopies(for: hop) } }

    /// Whether `copies` more held copies with `bytes` of content stay within a quota.
    package func mayHold(copies: Int, bytes: Int, quotaCopies: Int, quotaBytes: Int) -> Bool {
        writer.index.withLock { index in
            (index.counts[.held] ?? 0) &+ copies <= quotaCopies && index.heldBytes &+ bytes <= quotaBytes
        }
    }

    /// Each copy of a message: those in the queue, and those that left it in the last day (since the start).
    package func trace(_ id: MessageID) async throws(StoreError) -> [TraceEntry] {
        let rows = writer.index.withLock { $0.rows(lookup: lookup(id)) }
        let waiting = try await entries(rows).filter { $0.copy == nil || $0.copy?.message == id }
        let gone = outcomes.withLock { $0.entries(of: id) }
        return (waiting + gone).sorted { ($0.copy?.index ?? 0) < ($1.copy?.index ?? 0) }
    }

    /// Copies in the queue, oldest first.
    ///
    /// One whose rows do not open is shown without what is in them.
    package func list(_ filter: QueueFilter = QueueFilter()) async throws(StoreError) -> [TraceEntry] {
        let rows = writer.index.withLock { $0.rows(states: filter.states, nextHops: filter.nextHops) }
        return try await entries(Array(rows.prefix(filter.limit)))
    }

    /// Makes waiting copies due now.
    ///
    /// Returns how many; leased and held ones are left alone.
    package func retryNow(_ id: MessageID, copy: Int? = nil) async throws(StoreError) -> Int {
        try await retry(rows(id, copy))
    }

    /// Makes every waiting copy for a next hop due now.
    package func retryNow(nextHopHint: String) async throws(StoreError) -> Int {
        let hop = nextHop(nextHopHint)
        return try await retry(writer.index.withLock { $0.rows(states: [.ready], nextHops: [hop]) })
    }

    /// Holds waiting copies until `until`.
    ///
    /// Returns how many.
    package func hold(_ id: MessageID, copy: Int? = nil, until: WallTime) async throws(StoreError) -> Int {
        try await settleByOperator(id, copy) { _ in .held(.byOperator, until: until) }
    }

    /// Ends holds.
    ///
    /// What an operator held is ready again; what waits for a key is looked at again at once
    /// (``leaseHeld(due:limit:)``) and never becomes ready by this alone.
    package func release(_ id: MessageID, copy: Int? = nil) async throws(StoreError) -> Int {
        let now = time.wall()
        return try await settleByOperator(id, copy) { copy in
            switch copy.hold {
            case nil: nil
            case .byOperator: .released
            case .some(let reason): .held(reason, until: now)
            }
        }
    }

    /// Takes copies out of the queue, whatever their state.
    ///
    /// Returns how many; leased ones are left alone.
    package func drop(_ id: MessageID, copy: Int? = nil) async throws(StoreError) -> Int {
        let opened = try await settleByOperator(id, copy) { _ in .dropped }
        let sealed = lease(rows(id, copy))
        if !sealed.isEmpty { try await remove(sealed) }
        return opened + sealed.count
    }

    /// A discarded, held or waiting copy for an operator to read; nil when there is none.
    ///
    /// It is not leased.
    package func peek(_ id: CopyID) async throws(StoreError) -> LeasedCopy? {
        try await load(rows(id.message, id.index)).copies.first
    }

    private func rows(_ id: MessageID, _ copy: Int?) -> [CopyRow] {
        writer.index.withLock { $0.rows(lookup: lookup(id)) }.filter { copy == nil || $0.index == copy }
    }

    private func lease(_ rows: [CopyRow]) -> [CopyRow] {
        writer.index.withLock { index in rows.filter { index.lease($0) } }
    }

    private func retry(_ rows: [CopyRow]) async throws(StoreError) -> Int {
        let now = time.wall()
        let waiting = writer.index.withLock { index in
            rows.filter { index.entries[$0.number]?.state == .ready && index.lease($0) }
        }
        guard !waiting.isEmpty else { return 0 }
        let changes = waiting.map {
            QueueOperation.change(CopyChange(row: $0, size: 0, state: .ready, due: now, progress: nil))
        }
        do throws(StoreError) {
            try await committer.commit(.init(operations: changes), isCancellable: false)
        } catch {
            giveBack(waiting)
            throw error
        }
        return waiting.count
    }

    private func settleByOperator(
        _ id: MessageID,
        _ copy: Int?,
        _ result: (LeasedCopy) -> CopyOutcome.Result?
    ) async throws(StoreError) -> Int {
        let leased = lease(rows(id, copy))
        guard !leased.isEmpty else { return 0 }
        do throws(StoreError) {
            let outcomes = try await load(leased).copies.compactMap { copy in result(copy).map { CopyOutcome(copy, $0) }
            }
            try await settle(outcomes)
            giveBack(leased)
            return outcomes.count
        } catch {
            giveBack(leased)
            throw error
        }
    }

    private func entries(_ rows: [CopyRow]) async throws(StoreError) -> [TraceEntry] {
        let opened = try await load(rows)
        let waiting = opened.copies.compactMap { copy -> TraceEntry? in
            guard let entry = writer.index.withLock({ $0.entries[copy.row.number] }) else { return nil }
            return copy.trace(entry.traceState, reply: nil, due: WallTime(milliseconds: entry.due))
        }
        return waiting + opened.damaged.map { _ in TraceEntry.unreadable }
    }
}

extension QueueIndex.Entry {
    fileprivate var traceState: TraceEntry.State {
        if isLeased { return .leased }
        switch state {
        case .ready: return .ready
        case .held: return .held
        case .discarded: return .discarded
        case .setAside: return .setAside
        }
    }
}
