// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A number of bytes that many may take from, and give back to.
package final class ByteBudget: Sendable {
    package let limit: Int
    private let taken = Mutex(0)

    package init(limit: Int) { self.limit = max(0, limit) }

    /// Takes `count` bytes; false, with nothing taken, when they are not there.
    package func reserve(_ count: Int) -> Bool {
        taken.withLock { taken in
            guard count >= 0, count <= limit - taken else { return false }
            taken += count
            return true
        }
    }

    /// Gives back what was reserved.
    package func release(_ count: Int) {
        taken.withLock { $0 = max(0, $0 - max(0, count)) }
    }

    /// Bytes taken now.
    package var used: Int { taken.withLock { $0 } }
}
