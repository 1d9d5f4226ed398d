// SPDX-License-Identifier: Apache-2.0

import Store
import Synchronization

/// How many deliveries run, in all and per next hop, so that one dead host holds nobody else up.
final class DispatchSlots: Sendable {
    private struct State {
        var total = 0
        var byHop: [NextHopHash: Int] = [:]
    }

    private let state = Mutex(State())
    private let limit: Int
    private let limitPerHop: Int

    init(limit: Int, limitPerHop: Int) {
        self.limit = max(1, limit)
        self.limitPerHop = max(1, min(limit, limitPerHop))
    }

    /// Deliveries that may still begin.
    var free: Int { state.withLock { max(0, limit - $0.total) } }

    /// Next hops that have as many deliveries as they may.
    var busyHops: Set<NextHopHash> {
        state.withLock { state in Set(state.byHop.filter { $0.value >= limitPerHop }.keys) }
    }

    func take(_ hop: NextHopHash) {
        state.withLock { state in
            state.total += 1
            state.byHop[hop, default: 0] += 1
        }
    }

    func giveBack(_ hop: NextHopHash) {
        state.withLock { state in
            state.total -= 1
            guard let count = state.byHop[hop] else { return }
            state.byHop[hop] = count > 1 ? count - 1 : nil
        }
    }
}
