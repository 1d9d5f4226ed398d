// SPDX-License-Identifier: Apache-2.0

package import Privacy
import Synchronization

/// Counts by fixed words, since the start and since midnight (UTC).
///
/// Shown by `postern status`; there is nothing in them about anybody. Words that begin with `limit ` count how often that
/// limit was reached.
package final class Counters: Sendable {
    fileprivate struct Counts {
        var sinceStart: [String: Int] = [:]
        var today: [String: Int] = [:]
        var day: Int64 = 0
    }

    package static let limitPrefix = "limit "

    private let counts = Mutex(Counts())
    private let time: Time

    package init(time: Time = .system()) { self.time = time }

    package func add(_ word: String, _ number: Int = 1) {
        let day = today
        counts.withLock { counts in
            counts.turn(to: day)
            counts.sinceStart[word, default: 0] &+= number
            counts.today[word, default: 0] &+= number
        }
    }

    /// Counts a limit of the settings that was reached.
    package func reached(limit name: String, _ number: Int = 1) { add(Self.limitPrefix + name, number) }

    package var all: [String: Int] { counts.withLock { $0.sinceStart } }

    package var sinceMidnight: [String: Int] {
        let day = today
        return counts.withLock { counts in
            counts.turn(to: day)
            return counts.today
        }
    }

    private var today: Int64 { time.calendar().seconds / 86_400 }
}

extension Counters.Counts {
    fileprivate mutating func turn(to newDay: Int64) {
        guard day != newDay else { return }
        day = newDay
        today = [:]
    }
}
