// SPDX-License-Identifier: Apache-2.0

/// The values used most recently, as many as fit a budget.
///
/// Two generations: when the young one has spent half the budget it becomes the old one, and the old one is forgotten; a value that
/// is used moves back to the young one. Every operation is one or two look-ups.
struct RecentCache<Key: Hashable, Value> {
    private struct Entry {
        let value: Value
        let cost: Int
    }

    private let half: Int
    private var young: [Key: Entry] = [:]
    private var youngCost = 0
    private var old: [Key: Entry] = [:]

    /// `budget` in the unit of the costs, bytes mostly.
    init(budget: Int) { half = max(1, budget / 2) }

    mutating func value(for key: Key) -> Value? {
        if let entry = young[key] { return entry.value }
        guard let entry = old[key] else { return nil }
        insert(entry.value, for: key, cost: entry.cost)
        return entry.value
    }

    mutating func insert(_ value: Value, for key: Key, cost: Int) {
        if youngCost > half - min(half, cost) {
            old = young
            young = [:]
            youngCost = 0
        }
        youngCost += cost - (young.updateValue(Entry(value: value, cost: cost), forKey: key)?.cost ?? 0)
    }

    mutating func removeAll() {
        young = [:]
        youngCost = 0
        old = [:]
    }
}
