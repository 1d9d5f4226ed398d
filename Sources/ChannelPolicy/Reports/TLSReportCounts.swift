// SPDX-License-Identifier: Apache-2.0

/// What a report counts for one policy domain on one day (UTC).
///
/// Holds hosts and policies, nothing about messages or people; bounded, so that a domain with ever new policies costs no more.
package struct TLSReportCounts: Sendable, Hashable, Codable {
    package struct Failure: Sendable, Hashable, Codable {
        package let result: TLSReportResult
        package let host: String
        package let reason: String
        package var count: Int
    }

    package struct Row: Sendable, Hashable, Codable {
        package let policy: TLSReportPolicy
        package var succeeded: Int
        package var failed: Int
        /// At most ``TLSReportCounts/maxFailures``; what finds no place counts in `failed` only.
        package var failures: [Failure]
    }

    package static let maxPolicies = 32
    package static let maxFailures = 64

    package let domain: String
    /// Whole days since 1970.
    package let day: Int64
    package private(set) var rows: [Row] = []
    /// Sessions under policies for which there was no room.
    package private(set) var uncounted = 0

    package init(domain: String, now: Int64) {
        self.domain = domain
        self.day = TLSReportCounts.day(now)
    }

    package static func day(_ now: Int64) -> Int64 { (now >= 0 ? now : now - 86_399) / 86_400 }

    package var isEmpty: Bool { rows.isEmpty }
    package var start: Int64 { day &* 86_400 }
    /// The day's last second.
    package var end: Int64 { start &+ 86_399 }

    /// The day is over, so that its report can be made.
    package func isOver(at now: Int64) -> Bool { TLSReportCounts.day(now) > day }

    package mutating func count(_ event: TLSReportEvent) {
        guard let index = row(of: event.policy) else {
            uncounted &+= 1
            return
        }
        switch event.result {
        case .succeeded: rows[index].succeeded &+= 1
        case .failed(let result, let reason):
            rows[index].failed &+= 1
            let isSame = { (failure: Failure) in
                failure.result == result && failure.host == event.host && failure.reason == reason
            }
            if let known = rows[index].failures.firstIndex(where: isSame) {
                rows[index].failures[known].count &+= 1
            } else if rows[index].failures.count < TLSReportCounts.maxFailures {
                let failure = Failure(result: result, host: event.host, reason: reason, count: 1)
                rows[index].failures.append(failure)
            }
        }
    }

    private mutating func row(of policy: TLSReportPolicy) -> Int? {
        if let index = rows.firstIndex(where: { $0.policy == policy }) { return index }
        guard rows.count < TLSReportCounts.maxPolicies else { return nil }
        rows.append(Row(policy: policy, succeeded: 0, failed: 0, failures: []))
        return rows.count - 1
    }
}
