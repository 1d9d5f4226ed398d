// SPDX-License-Identifier: Apache-2.0

import Privacy
import Synchronization

/// Remembers for a short while which addresses let connections time out, so that the next copies do not wait for them again.
///
/// A refused connection is not remembered: asking again costs nothing, and the host may be back at any moment.
final class SlowHosts: Sendable {
    private let until = Mutex<[String: BootTime]>([:])
    private let time: Time
    private let span: Duration

    init(time: Time, span: Duration = .seconds(30)) {
        self.time = time
        self.span = span
    }

    func note(_ place: String) {
        let now = time.boot()
        until.withLock { until in
            if until.count >= 4096 { until = until.filter { $0.value > now } }
            guard until.count < 4096 else { return }
            until[place] = now + span
        }
    }

    func contains(_ place: String) -> Bool {
        let now = time.boot()
        return until.withLock { until in
            guard let end = until[place] else { return false }
            if end <= now { until[place] = nil }
            return end > now
        }
    }
}
