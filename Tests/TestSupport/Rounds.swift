// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The rounds of a mutation test: at least so many, and on until its share of `POSTERN_FUZZ_SECONDS` is over.
package struct Rounds: Sequence, IteratorProtocol {
    private var done = 0
    private let least: Int
    private let end: ContinuousClock.Instant

    package init(_ least: Int, share: Double = 1) {
        self.least = least
        let seconds = ProcessInfo.processInfo.environment["POSTERN_FUZZ_SECONDS"].flatMap(Double.init) ?? 0
        end = .now + .milliseconds(Int(Swift.min(Swift.max(seconds, 0), 86_400) * 1000 * share))
    }

    package mutating func next() -> Int? {
        guard done < least || ContinuousClock.now < end else { return nil }
        defer { done += 1 }
        return done
    }
}
