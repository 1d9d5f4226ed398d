// SPDX-License-Identifier: Apache-2.0

import Privacy
import Synchronization

/// How much each user of this machine sends now; a reload does not begin anew.
final class CallerTallies: Sendable {
    /// What one user did since its hour began.
    private struct Hour {
        var began: BootTime
        var messages = 0
    }

    private let hours = Mutex<[UInt32: Hour]>([:])
    private let sessions = Mutex<[UInt32: Int]>([:])

    /// Counts a message; false when it is one too many for this hour.
    func mayStart(_ userID: UInt32, limit: Int, now: BootTime) -> Bool {
        hours.withLock { hours in
            var hour = hours[userID] ?? Hour(began: now)
            if now - hour.began >= .seconds(3600) { hour = Hour(began: now) }
            guard hour.messages < limit else { return false }
            hour.messages += 1
            hours[userID] = hour
            return true
        }
    }

    /// Counts a connection in; false when it is one too many.
    func enter(_ userID: UInt32, limit: Int) -> Bool {
        sessions.withLock { sessions in
            guard sessions[userID, default: 0] < limit else { return false }
            sessions[userID, default: 0] += 1
            return true
        }
    }

    func leave(_ userID: UInt32) {
        sessions.withLock { sessions in
            let left = sessions[userID, default: 1] - 1
            sessions[userID] = left > 0 ? left : nil
        }
    }
}
