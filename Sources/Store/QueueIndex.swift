// SPDX-License-Identifier: Apache-2.0

import Privacy

/// Which copies there are, in which state and when due: the picture in memory of the table `copies`.
///
/// It answers "what is due next, and not for those next hops" in O(log n) however many copies wait, and saves the table an
/// index that each message would have to write twice. About 120 bytes a copy. Leases live here and nowhere else.
struct QueueIndex {
    struct Entry {
        var state: CopyState
        var isLeased = false
        var due: Int64
        let hop: Int
        let content: Int64
        let epoch: Int64
        let lookup: Int64
    }

    /// What leaves together with a copy.
    struct Departure {
        let entry: Entry
        let messageIsGone: Bool
        let contentIsGone: Bool
    }

    private struct Hop {
        let hash: NextHopHash
        /// Ready copies; entries that are no longer true are skipped when they come up.
        var heap = DueHeap()
        /// The time under which the hop stands in `ready`.
        var standsAt: Int64?
        var entries = 0
    }

    private struct Siblings {
        var left: Int
        var highest: Int
    }

    private(set) var entries: [Int64: Entry] = [:]
    /// Messages with more than one copy.
    private var siblings: [Int64: Siblings] = [:]
    private var hops: [Hop] = []
    private var hopNumbers: [NextHopHash: Int] = [:]
    private var freeHops: [Int] = []
    /// Hops by the due time of their first ready copy.
    private var ready = DueHeap()
    /// Held and discarded copies by the end of their wait.
    private var waits: [CopyState: DueHeap] = [:]
    private(set) var counts: [CopyState: Int] = [:]
    /// Bytes of the contents of held copies; a shared content counts for each.
    private(set) var heldBytes = 0
    private(set) var leased = 0

    /// Makes room for as many copies, so that reading a long queue does not move it about.
    mutating func reserve(_ copies: Int) { entries.reserveCapacity(copies) }

    mutating func insert(
        _ row: CopyRow,
        state: CopyState,
        due: WallTime,
        nextHop: NextHopHash,
        content: Int64,
        epoch: Int64,
        lookup: Int64,
        size: Int
    ) {
        let hop = hopNumber(nextHop)
        hops[hop].entries += 1
        entries[row.number] = Entry(
            state: state,
            due: due.milliseconds,
            hop: hop,
            content: content,
            epoch: epoch,
            lookup: lookup
        )
        count(state, 1, size)
        if let known = siblings[row.message] {
            siblings[row.message] = Siblings(left: known.left + 1, highest: max(known.highest, row.index))
        } else if row.index > 0 {
            let hasFirst = entries[CopyRow(message: row.message, index: 0).number] != nil
            siblings[row.message] = Siblings(left: hasFirst ? 2 : 1, highest: row.index)
        }
        queue(row.number)
    }

    func nextHop(of entry: Entry) -> NextHopHash { hops[entry.hop].hash }

    // MARK: Leases

    /// How much of what it may have a next hop has.
    private struct Share {
        var deliveries: Int
        /// What the last of them carries: further copies of it go along.
        var content: Int64?
    }

    /// Ready copies that are due, earliest first; they are leased.
    ///
    /// At most `limit`, and for each next hop at most `limitPerHop` contents less what is `underWay`.
    mutating func lease(due now: WallTime, limit: Int, limitPerHop: Int, underWay: [NextHopHash: Int]) -> [CopyRow] {
        var taken: [CopyRow] = []
        var parked: [Int] = []
        var shares: [Int: Share] = [:]
        while taken.count < limit, let top = ready.first, top.due <= now.milliseconds {
            ready.removeFirst()
            let hop = Int(top.id)
            guard hops[hop].standsAt == top.due else { continue }
            hops[hop].standsAt = nil
            guard let head = firstReady(of: hop) else { continue }
            guard head.due == top.due else {
                stand(hop)
                continue
            }
            var share = shares[hop] ?? Share(deliveries: underWay[hops[hop].hash] ?? 0)
            let content = entries[head.id]?.content
            if share.content != content {
                guard share.deliveries < limitPerHop else {
                    parked.append(hop)
                    continue
                }
                share.deliveries += 1
                share.content = content
                shares[hop] = share
            }
            hops[hop].heap.removeFirst()
            setLeased(head.id, true)
            taken.append(CopyRow(number: head.id))
            stand(hop)
        }
        for hop in parked { stand(hop) }
        return taken
    }

    /// Copies in `state` (held or discarded) whose wait has ended, leased.
    mutating func leaseEnded(_ state: CopyState, due now: WallTime, limit: Int) -> [CopyRow] {
        var taken: [CopyRow] = []
        while taken.count < limit, let first = firstWait(state), first.due <= now.milliseconds {
            waits[state]?.removeFirst()
            setLeased(first.id, true)
            taken.append(CopyRow(number: first.id))
        }
        return taken
    }

    /// Leases one copy by its row whatever its state; false when it is leased already or gone.
    mutating func lease(_ row: CopyRow) -> Bool {
        guard let entry = entries[row.number], !entry.isLeased else { return false }
        setLeased(row.number, true)
        return true
    }

    mutating func giveBack(_ row: CopyRow) {
        guard entries[row.number]?.isLeased == true else { return }
        setLeased(row.number, false)
        queue(row.number)
    }

    /// When the next ready copy is due whose next hop is not excluded.
    mutating func nextReady(excluding: Set<NextHopHash>) -> WallTime? {
        var parked: [Int] = []
        defer { for hop in parked { stand(hop) } }
        while let top = ready.first {
            let hop = Int(top.id)
            let head = hops[hop].standsAt == top.due ? firstReady(of: hop) : nil
            let isExcluded = excluding.contains(hops[hop].hash)
            if let head, head.due == top.due, !isExcluded { return WallTime(milliseconds: top.due) }
            ready.removeFirst()
            guard hops[hop].standsAt == top.due else { continue }
            hops[hop].standsAt = nil
            if isExcluded { parked.append(hop) } else { stand(hop) }
        }
        return nil
    }

    /// When the next wait of this state ends.
    mutating func nextWait(_ state: CopyState) -> WallTime? {
        firstWait(state).map { WallTime(milliseconds: $0.due) }
    }

    // MARK: Changes, after they are durable

    mutating func change(_ row: CopyRow, state: CopyState, due: WallTime, size: Int) {
        guard var entry = entries[row.number] else { return }
        if entry.isLeased { leased -= 1 }
        count(entry.state, -1, size)
        count(state, 1, size)
        entry.state = state
        entry.due = due.milliseconds
        entry.isLeased = false
        entries[row.number] = entry
        queue(row.number)
    }

    /// What the end of this copy would take along; nil when the copy is gone.
    func departure(of row: CopyRow) -> Departure? {
        guard let entry = entries[row.number] else { return nil }
        guard let known = siblings[row.message], known.left > 1 else {
            return Departure(entry: entry, messageIsGone: true, contentIsGone: true)
        }
        let isShared = (0...known.highest).contains { index in
            index != row.index && entries[CopyRow(message: row.message, index: index).number]?.content == entry.content
        }
        return Departure(entry: entry, messageIsGone: false, contentIsGone: !isShared)
    }

    mutating func remove(_ row: CopyRow, size: Int) {
        guard let entry = entries.removeValue(forKey: row.number) else { return }
        if entry.isLeased { leased -= 1 }
        count(entry.state, -1, size)
        if let known = siblings[row.message] {
            siblings[row.message] = known.left > 1 ? Siblings(left: known.left - 1, highest: known.highest) : nil
        }
        hops[entry.hop].entries -= 1
        guard hops[entry.hop].entries == 0 else { return }
        hopNumbers[hops[entry.hop].hash] = nil
        hops[entry.hop].heap = DueHeap()
        hops[entry.hop].standsAt = nil
        freeHops.append(entry.hop)
    }

    func hasCopies(of message: Int64) -> Bool {
        siblings[message] != nil || entries[CopyRow(message: message, index: 0).number] != nil
    }

    /// The rows of a message, by the keyed hash of its id, in order.
    ///
    /// Looks through everything: for people's questions only.
    func rows(lookup: Int64) -> [CopyRow] { rows { $0.lookup == lookup } }

    /// The rows in these states, for one of these next hops if there are any, in order.
    ///
    /// Looks through everything, too.
    func rows(states: Set<CopyState>, nextHops: Set<NextHopHash>?) -> [CopyRow] {
        let wanted = nextHops.map { Set($0.compactMap { hopNumbers[$0] }) }
        return rows { states.contains($0.state) && (wanted?.contains($0.hop) ?? true) }
    }

    /// The copy in `state` that was put in first.
    func first(in state: CopyState) -> CopyRow? {
        guard counts[state, default: 0] > 0 else { return nil }
        return entries.lazy.filter { $0.value.state == state }.map(\.key).min().map { CopyRow(number: $0) }
    }

    /// The next hops that copies are in the queue for.
    var nextHops: some Sequence<NextHopHash> { hopNumbers.keys }

    func hasCopies(for hop: NextHopHash) -> Bool { hopNumbers[hop] != nil }

    private func rows(where isWanted: (Entry) -> Bool) -> [CopyRow] {
        entries.compactMap { isWanted($0.value) ? CopyRow(number: $0.key) : nil }.sorted()
    }

    // MARK: Inside

    private mutating func count(_ state: CopyState, _ change: Int, _ size: Int) {
        counts[state, default: 0] += change
        if state == .held { heldBytes += change * size }
    }

    private mutating func setLeased(_ id: Int64, _ isLeased: Bool) {
        entries[id]?.isLeased = isLeased
        leased += isLeased ? 1 : -1
    }

    /// Puts a copy where its state and due time belong.
    private mutating func queue(_ id: Int64) {
        guard let entry = entries[id] else { return }
        let item = DueHeap.Item(due: entry.due, id: id)
        switch entry.state {
        case .ready:
            hops[entry.hop].heap.insert(item)
            stand(entry.hop)
        case .held, .discarded: waits[entry.state, default: DueHeap()].insert(item)
        case .setAside: break
        }
    }

    private mutating func stand(_ hop: Int) {
        guard let head = firstReady(of: hop) else { return }
        if let standsAt = hops[hop].standsAt, standsAt <= head.due { return }
        hops[hop].standsAt = head.due
        ready.insert(DueHeap.Item(due: head.due, id: Int64(hop)))
    }

    private mutating func firstReady(of hop: Int) -> DueHeap.Item? {
        while let head = hops[hop].heap.first {
            if isTrue(head, .ready) && entries[head.id]?.hop == hop { return head }
            hops[hop].heap.removeFirst()
        }
        return nil
    }

    private mutating func firstWait(_ state: CopyState) -> DueHeap.Item? {
        while let head = waits[state]?.first {
            if isTrue(head, state) { return head }
            waits[state]?.removeFirst()
        }
        return nil
    }

    private func isTrue(_ item: DueHeap.Item, _ state: CopyState) -> Bool {
        guard let entry = entries[item.id] else { return false }
        return entry.state == state && entry.due == item.due && !entry.isLeased
    }

    private mutating func hopNumber(_ hash: NextHopHash) -> Int {
        if let number = hopNumbers[hash] { return number }
        let number: Int
        if let free = freeHops.popLast() {
            hops[free] = Hop(hash: hash)
            number = free
        } else {
            hops.append(Hop(hash: hash))
            number = hops.count - 1
        }
        hopNumbers[hash] = number
        return number
    }
}
