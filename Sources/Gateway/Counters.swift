// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts since the start, by fixed words.
///
/// Shown by `postern status`; there is nothing in them about anybody.
package final class Counters: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    package init() {}

    package func add(_ word: String, _ number: Int = 1) {
        counts.withLock { $0[word, default: 0] &+= number }
    }

    package var all: [String: Int] { counts.withLock { $0 } }
}
