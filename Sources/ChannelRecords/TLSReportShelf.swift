// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import FoundationEssentials
package import Mail
package import Privacy
package import Store

/// A report that somebody sent about our servers, with nothing in it about people.
///
/// Who made it is what it says of itself: nothing is proven until signatures are checked.
package struct KeptTLSReport: Codable, Sendable, Hashable {
    package struct Failure: Codable, Sendable, Hashable {
        package let result: String
        package let host: String?
        package let count: Int
    }

    package struct Policy: Codable, Sendable, Hashable {
        package let kind: String
        package let domain: String
        package let succeeded: Int
        package let failed: Int
        package let failures: [Failure]
    }

    package let organization: String
    package let id: String
    /// In seconds since 1970.
    package let start: Int64
    package let end: Int64
    package let policies: [Policy]

    /// So many policies, and failures of one, are kept.
    static let maxPolicies = 100
    static let maxFailures = 100
    private static let maxText = 255

    /// Leaves out contacts, addresses of servers, and texts of free form.
    ///
    /// - Parameter isOurs: whose domains count.
    package init(_ report: TLSReport, isOurs: (String) -> Bool = { _ in true }) {
        organization = Self.cut(report.organization)
        id = Self.cut(report.id)
        start = report.start
        end = report.end
        policies = report.policies.filter { isOurs($0.domain) }.prefix(Self.maxPolicies).map { policy in
            Policy(
                kind: Self.cut(policy.kind),
                domain: Self.cut(policy.domain),
                succeeded: policy.succeeded,
                failed: policy.failed,
                failures: policy.failures.prefix(Self.maxFailures).map {
                    Failure(result: Self.cut($0.result), host: $0.host.map(Self.cut), count: $0.count)
                }
            )
        }
    }

    private static func cut(_ text: String) -> String {
        String(text.unicodeScalars.prefix(maxText).map(Character.init))
    }
}

/// Keeps the reports about us, sealed, for ninety days.
package struct TLSReportShelf: Sendable {
    /// What became of a message to the address for reports.
    package enum Reception: Sendable, Hashable {
        case kept
        /// It is about none of our domains.
        case notOurs
        case unreadable(TLSReportInput.Flaw)
        /// There are too many already.
        case full
    }

    /// So many are kept at a time.
    static let maxReports = 2000
    private static let keptFor = Duration.seconds(90 * 86_400)

    private let records: RecordStore

    package init(records: RecordStore) { self.records = records }

    /// Reads a message and keeps its report.
    ///
    /// The same report sent twice is kept once.
    package func take(
        _ header: HeaderSection,
        _ body: [UInt8],
        isOurs: (String) -> Bool,
        at now: WallTime
    ) async throws(StoreError) -> Reception {
        let report: TLSReport
        do throws(TLSReportInput.Flaw) {
            report = try TLSReportInput.read(header, body)
        } catch {
            return .unreadable(error)
        }
        let kept = KeptTLSReport(report, isOurs: isOurs)
        guard !kept.policies.isEmpty else { return .notOurs }
        guard let value = try? JSONEncoder().encode(kept) else { return .unreadable(.damaged) }
        let id = Array("\(kept.start) \(kept.id) \(kept.organization)".utf8.prefix(512))
        if try await records.get(.tlsReport, id: id) == nil, try await all().count >= Self.maxReports { return .full }
        try await records.put(kind: .tlsReport, id: id, value: [UInt8](value), expires: now + Self.keptFor)
        return .kept
    }

    /// The newest first.
    package func all() async throws(StoreError) -> [KeptTLSReport] {
        try await records.all(.tlsReport)
            .compactMap { try? JSONDecoder().decode(KeptTLSReport.self, from: Data($0.value)) }
            .sorted { $0.start == $1.start ? $0.organization < $1.organization : $0.start > $1.start }
    }
}
