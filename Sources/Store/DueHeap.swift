// SPDX-License-Identifier: Apache-2.0

/// The earliest of many times, each with a number that says whose it is.
///
/// Adding and taking cost O(log n).
struct DueHeap {
    struct Item {
        let due: Int64
        let id: Int64

        static func < (lhs: Item, rhs: Item) -> Bool { (lhs.due, lhs.id) < (rhs.due, rhs.id) }
    }

    private var items: [Item] = []

    var first: Item? { items.first }
    var count: Int { items.count }

    mutating func insert(_ item: Item) {
        items.append(item)
        var index = items.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard items[index] < items[parent] else { return }
            items.swapAt(index, parent)
            index = parent
        }
    }

    @discardableResult
    mutating func removeFirst() -> Item? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        guard !items.isEmpty else { return first }
        items[0] = last
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2] where child < items.count && items[child] < items[smallest] {
                smallest = child
            }
            guard smallest != index else { return first }
            items.swapAt(index, smallest)
            index = smallest
        }
    }
}
