// SPDX-License-Identifier: Apache-2.0

import Store
import Synchronization

/// How many deliveries run, in all until their outcome is written and per next hop, so that one dead host holds nobody
/// else up.
final class DispatchSlots: Sendable {
    private struct State {
        var total = 0
        var byHop: [NextHopHash: Int] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int
    /// Deliveries that one next hop may have at a time.
    let limitPerHop: Int

    init(limit: Int, limitPerHop: Int) {
        self.limit = max(1, limit)
        self.limitPerHop = max(1, min(limit, limitPerHop))
    }

    /// Deliveries that may still begin.
    var free: Int { state.withLock { max(0, limit - $0.total) } }

    /// How many deliveries each next hop has now.
    var underWay: [NextHopHash: Int] { state.withLock { $0.byHop } }

    func take(_ hop: NextHopHash) {
        state.withLock { state in
            state.total += 1
            state.byHop[hop, default: 0] += 1
        }
    }

    /// A delivery has done with its next hop; its slot stays taken until ``giveBack()``.
    ///
    /// Returns whether something may have waited for that: the hop had all it may have.
    func leave(_ hop: NextHopHash) -> Bool {
        state.withLock { state in
            let count = state.byHop[hop] ?? 0
            state.byHop[hop] = count > 1 ? count - 1 : nil
            return count >= limitPerHop
        }
    }

    /// A delivery's outcome is written.
    ///
    /// Returns whether something may have waited for that: there was no slot left.
    func giveBack() -> Bool {
        state.withLock { state in
            state.total -= 1
            return state.total + 1 >= limit
        }
    }
}
