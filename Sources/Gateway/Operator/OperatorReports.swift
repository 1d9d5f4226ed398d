// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
package import ChannelRecords
package import Control

extension Operator {
    /// What is kept of TLS reports, in both directions.
    func tlsReports(withDomains: Bool) async throws -> ControlResponse {
        let received = try await data.tlsShelf.all().map(TLSReportPicture.Received.init)
        let own = data.tlsLedger.entries
        return .tlsReports(
            TLSReportPicture(received: received, own: withDomains ? own.map(Self.named) : Self.sums(own))
        )
    }

    private static func named(_ entry: TLSReportLedger.Entry) -> TLSReportPicture.Own {
        let policies = entry.counts.rows.map { row in
            TLSReportPicture.Policy(
                kind: row.policy.kind.rawValue,
                domain: row.policy.domain,
                succeeded: row.succeeded,
                failed: row.failed,
                failures: row.failures.map {
                    .init(result: $0.result.rawValue, host: $0.host.isEmpty ? nil : $0.host, count: $0.count)
                }
            )
        }
        return own([entry], policies)
    }

    /// One for each day and fate, naming nobody.
    private static func sums(_ entries: [TLSReportLedger.Entry]) -> [TLSReportPicture.Own] {
        struct Group: Hashable {
            let day: Int64
            let fate: TLSReportLedger.Fate
        }
        let groups = Dictionary(grouping: entries) { Group(day: $0.counts.day, fate: $0.fate) }
        return groups.values.map { own($0, nil) }.sorted {
            $0.start == $1.start ? $0.report < $1.report : $0.start > $1.start
        }
    }

    private static func own(
        _ entries: [TLSReportLedger.Entry],
        _ policies: [TLSReportPicture.Policy]?
    ) -> TLSReportPicture.Own {
        let rows = entries.flatMap(\.counts.rows)
        return TLSReportPicture.Own(
            start: Int(entries.first?.counts.start ?? 0),
            report: entries.first?.fate.rawValue ?? "",
            domains: entries.count,
            succeeded: rows.reduce(0) { $0 + $1.succeeded },
            failed: rows.reduce(0) { $0 + $1.failed },
            policies: policies
        )
    }
}

extension TLSReportPicture.Received {
    /// The same report as it is shown.
    package init(_ report: KeptTLSReport) {
        self.init(
            organization: report.organization,
            id: report.id,
            start: Int(report.start),
            end: Int(report.end),
            policies: report.policies.map { policy in
                TLSReportPicture.Policy(
                    kind: policy.kind,
                    domain: policy.domain,
                    succeeded: policy.succeeded,
                    failed: policy.failed,
                    failures: policy.failures.map { .init(result: $0.result, host: $0.host, count: $0.count) }
                )
            }
        )
    }
}
