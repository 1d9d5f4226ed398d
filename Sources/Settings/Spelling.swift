// SPDX-License-Identifier: Apache-2.0

/// What somebody may have meant.
enum Spelling {
    /// The candidate with the fewest edits, when they are few for its length.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let word = word.lowercased()
        guard (2...40).contains(word.utf8.count) else { return nil }
        let scored = candidates.map { (distance: distance(Array(word.utf8), Array($0.lowercased().utf8)), name: $0) }
        guard let best = scored.min(by: { $0.distance < $1.distance }),
            best.distance <= max(1, best.name.utf8.count / 3)
        else {
            return nil
        }
        return best.name
    }

    /// Insertions, removals, replacements and swaps of neighbours (optimal string alignment).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 1...left.count {
            var row = [i] + [Int](repeating: 0, count: right.count)
            for j in 1...right.count {
                let cost = left[i - 1] == right[j - 1] ? 0 : 1
                row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
