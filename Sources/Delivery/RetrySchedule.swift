// SPDX-License-Identifier: Apache-2.0

package import Privacy
package import Settings

/// When a deferred copy is tried again, when its sender hears that it is late, and when it comes back (RFC 5321 §4.5.4.1).
///
/// Pure: attempts, times and randomness come in.
package struct RetrySchedule: Sendable {
    /// The shortest wait, after the first failure.
    package let first: Duration
    /// No wait is longer.
    package let longest: Duration
    /// Age at which a copy that cannot be delivered fails.
    package let expiry: Duration
    /// Age at which the sender is told of the delay.
    package let warning: Duration

    package enum Decision: Sendable, Hashable {
        case retry(at: WallTime)
        case expired
    }

    package init(
        first: Duration = .seconds(60),
        longest: Duration = .seconds(4 * 3600),
        expiry: Duration = .seconds(5 * 86_400),
        warning: Duration = .seconds(4 * 3600)
    ) {
        self.first = max(first, .milliseconds(1))
        self.longest = max(longest, self.first)
        self.expiry = expiry
        self.warning = warning
    }

    package init(_ settings: DeliverySettings) {
        self.init(
            first: settings.retryFirst,
            longest: settings.retryLongest,
            expiry: settings.expireAfter,
            warning: settings.warnAfter
        )
    }

    /// What to do after an attempt that was deferred.
    ///
    /// `attempts` counts this one too. The last try falls on the expiry itself: an outage that ends just before costs nothing.
    package func next(
        attempts: Int,
        arrival: WallTime,
        now: WallTime,
        using random: inout some RandomNumberGenerator
    ) -> Decision {
        let end = arrival + expiry
        guard now < end else { return .expired }
        return .retry(at: min(now + wait(afterAttempts: attempts, using: &random), end))
    }

    /// The wait after so many failed attempts: it doubles each time, and lies anywhere between one such step and the next, so that copies
    /// that failed together do not come back together.
    package func wait(afterAttempts attempts: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let doublings = min(max(attempts - 1, 0), 40)
        let cap = longest.wholeMilliseconds
        let (product, overflow) = first.wholeMilliseconds.multipliedReportingOverflow(by: Int64(1) << Int64(doublings))
        let step = overflow ? cap : min(product, cap)
        let low = min(step, cap - cap / 4)
        let high = step > cap / 2 ? cap : step * 2
        return .milliseconds(Int64.random(in: min(low, high)...high, using: &random))
    }

    /// The copy is old enough for a delay report.
    package func isLate(arrival: WallTime, now: WallTime) -> Bool { now - arrival >= warning }

    /// The copy has had its time.
    package func isExpired(arrival: WallTime, now: WallTime) -> Bool { now - arrival >= expiry }
}
