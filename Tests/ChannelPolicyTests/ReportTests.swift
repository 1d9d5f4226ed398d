// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChannelPolicy

@Suite("TLS reports")
struct ReportTests {
    @Test(
        "where reports go (RFC 8460 section 3)",
        arguments: [
            (["v=TLSRPTv1;rua=mailto:reports@example.com"], [.mail("reports@example.com")]),
            (["v=TLSRPTv1; rua=https://r.example.com/v1/tlsrpt"], [.https("https://r.example.com/v1/tlsrpt")]),
            (
                ["v=TLSRPTv1; rua=mailto:a%2Bb@example.com?x=y , https://r.example.com/ ;"],
                [.mail("a+b@example.com"), .https("https://r.example.com/")]
            ),
            (["v=TLSRPTv1; rua=ftp://x, mailto:a@b.test"], [.mail("a@b.test")]),
            (["v=TLSRPTv1; rua=ftp://x"], []), (["v=TLSRPTv1; rua=https:x"], []), (["v=TLSRPTv1; rua=mailto:x"], []),
            (["v=TLSRPTv1; rua=mailto:a%00@b.test"], []), (["v=TLSRPTv1; rua=mailto:a%4"], []),
            (["v=TLSRPTv2; rua=mailto:a@b.test"], []), (["v=TLSRPTv1;"], []), ([], []),
            (["v=TLSRPTv1; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:a@b.test"], []),
            (["other", "v=TLSRPTv1; rua=mailto:a@b.test"], [.mail("a@b.test")]),
        ] as [([String], [TLSReportRecord.Target])]
    )
    func record(texts: [String], targets: [TLSReportRecord.Target]) {
        #expect((TLSReportRecord(texts.map { Array($0.utf8) })?.targets ?? []) == targets)
    }

    private static let none = TLSReportPolicy.noPolicy(domain: "example.test")

    @Test("a day's counts, bounded")
    func counts() {
        var counts = TLSReportCounts(domain: "example.test", now: 1_790_000_000)
        #expect(counts.isEmpty && counts.start == 1_789_948_800 && counts.end == counts.start + 86_399)
        #expect(!counts.isOver(at: counts.end) && counts.isOver(at: counts.end + 1))
        counts.count(TLSReportEvent(Self.none, .succeeded, host: "mx.test"))
        for host in 0..<100 {
            for _ in 0..<2 {
                let result = TLSReportEvent.Result.failed(.expired, reason: "certificate-expired")
                counts.count(TLSReportEvent(Self.none, result, host: "mx\(host).test"))
            }
        }
        for index in 0..<50 {
            let policy = TLSReportPolicy(kind: .tlsa, strings: ["\(index)"], domain: "example.test")
            counts.count(TLSReportEvent(policy, .succeeded, host: "mx.test"))
        }
        #expect(counts.rows.count == TLSReportCounts.maxPolicies && counts.uncounted == 19)
        #expect(counts.rows[0].succeeded == 1 && counts.rows[0].failed == 200)
        #expect(counts.rows[0].failures.count == TLSReportCounts.maxFailures)
        #expect(counts.rows[0].failures[0].count == 2)
        #expect(TLSReportCounts.day(-1) == -1 && TLSReportCounts.day(0) == 0)
    }

    @Test("a policy in a report is what was published, cut where it is endless")
    func policies() {
        let record = TLSARecord(usage: 3, selector: 1, matching: 1, data: [1, 2])
        let large = TLSARecord(usage: 3, selector: 0, matching: 0, data: [UInt8](repeating: 0, count: 5000))
        let tlsa = TLSReportPolicy.tlsa(TLSASet([record, large]), host: "mx.test", domain: "test")
        #expect(tlsa.strings == ["3 1 1 0102"] && tlsa.hosts == ["mx.test"] && tlsa.domain == "test")
        let hosts = (0..<500).map { "mx\($0).test" }
        let sts = TLSReportPolicy.sts(STSPolicy(mode: .testing, maxAge: 5, hosts: hosts), domain: "test")
        #expect(sts.strings.first == "version: STSv1" && sts.strings.count == 35 && sts.hosts.count == 32)
        let failed = TLSReportEvent.fetchFailed(.notProven, domain: "test", cached: nil)
        #expect(failed?.result == .failed(.stsWebPKIInvalid, reason: "not-proven"))
        let none = STSPolicy(mode: .none, maxAge: 5, hosts: [])
        #expect(TLSReportEvent.fetchFailed(.timedOut, domain: "test", cached: none) == nil)
    }

    @Test("a report comes back as it was written")
    func roundTrip() throws {
        var counts = TLSReportCounts(domain: "example.test", now: 1_790_000_000)
        let policy = TLSReportPolicy.sts(
            STSPolicy(mode: .enforce, maxAge: 86_400, hosts: ["*.example.test"]),
            domain: "example.test"
        )
        counts.count(TLSReportEvent(policy, .succeeded, host: "mx.example.test"))
        counts.count(TLSReportEvent(policy, .failed(.hostMismatch, reason: "wrong-name"), host: "mx.example.test"))
        counts.count(TLSReportEvent(Self.none, .failed(.stsFetchError, reason: "timed-out"), host: ""))
        let report = TLSReport(counts, organization: "Ex\"ample\\ ü 😀", contact: "tls@sender.test", id: "2026-1@s")
        #expect(try TLSReport(parsing: report.encoded) == report)
        #expect(report.encoded.allSatisfy { (0x20...0x7e).contains($0) })
        let text = String(decoding: report.encoded, as: UTF8.self)
        #expect(
            text.contains(
                #""date-range":{"start-datetime":"2026-09-21T00:00:00Z","end-datetime":"2026-09-21T23:59:59Z"}"#
            )
        )
        #expect(text.contains(#""policy-type":"sts","policy-string":["version: STSv1","mode: enforce","#))
        #expect(text.contains(#""total-successful-session-count":1,"total-failure-session-count":1"#))
        #expect(
            report.fileName(sender: "mail.sender.test", policyDomain: "example.test", isCompressed: true)
                == "mail.sender.test!example.test!1789948800!1790035199.json.gz"
        )
    }

    private static let foreign = """
        {"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z",
        "end-datetime":"2016-04-01T23:59:59+02:00"},"contact-info":"sts-reporting@company-x.example",
        "report-id":"5065427c-23d3-47ca-b6e0-946ea0e8c4be","extra":[1.5e3,true,null,{"a":[]}],
        "policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: testing"],
        "policy-domain":"company-y.example","mx-host":"*.mail.company-y.example"},
        "summary":{"total-successful-session-count":5326,"total-failure-session-count":303},
        "failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"2001:db8:abcd:0012::1",
        "receiving-mx-hostname":"mx1.mail.company-y.example","failed-session-count":100},
        {"result-type":"starttls-not-supported","sending-mta-ip":"203.0.113.56","receiving-ip":"203.0.113.58",
        "failed-session-count":-5,"failure-reason-code":"a\\u0000b\\u202ec\\ud83d"},7]}]}
        """

    @Test("a report by somebody else, with what reporters get wrong")
    func foreignReport() throws {
        let report = try TLSReport(parsing: Array(Self.foreign.utf8))
        #expect(report.organization == "Company-X" && report.start == 1_459_468_800)
        #expect(report.end == 1_459_468_800 + 86_399 - 7200)
        let policy = try #require(report.policies.first)
        #expect(policy.hosts == ["*.mail.company-y.example"] && policy.succeeded == 5326 && policy.failed == 303)
        #expect(policy.failures.count == 2 && policy.failures[0].count == 100)
        #expect(policy.failures[1].reason == "a b c\u{fffd}" && policy.failures[1].count == 0)
        let zoneless = Self.foreign.replacing("2016-04-01T00:00:00Z", with: "2016-04-01T00:00:00")
        #expect(try TLSReport(parsing: Array(zoneless.utf8)).start == report.start)
    }

    @Test("what is no report")
    func flaws() {
        let foreign = Self.foreign
        let rows: [(String, TLSReport.Flaw)] = [
            ("", .notJSON), ("{", .notJSON), ("[]", .missing("date-range")), ("<html>", .notJSON),
            (foreign + "x", .notJSON), (foreign.replacing("report-id", with: "id"), .missing("report-id")),
            (foreign.replacing("\"policies\"", with: "\"policy\""), .missing("policies")),
            (foreign.replacing("2016-04-01T00:00:00Z", with: "2016-02-30T00:00:00Z"), .missing("date-range")),
            (foreign.replacing("policy-domain", with: "domain"), .missing("policy")),
            (String(repeating: "[", count: 100_000), .notJSON),
            ("[" + String(repeating: "1,", count: 1_000_001) + "1]", .notJSON),
            (
                foreign.replacing("\"policies\":[", with: "\"policies\":[" + String(repeating: "{},", count: 1000)),
                .tooManyPolicies
            ),
        ]
        for (text, flaw) in rows {
            #expect(throws: flaw, "\(text.prefix(60))") { try TLSReport(parsing: Array(text.utf8)) }
        }
        #expect(throws: TLSReport.Flaw.tooLarge) {
            try TLSReport(parsing: [UInt8](repeating: 0x20, count: TLSReport.maxBytes + 1))
        }
    }

    @Test("no damaged report makes it trap")
    func damaged() {
        let bytes = Array(Self.foreign.utf8)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] = UInt8.random(in: 0...255)
            _ = try? TLSReport(parsing: damaged)
            _ = try? TLSReport(parsing: Array(bytes[..<index]))
        }
    }

    @Test(
        "dates",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:01.5Z", 951_825_601), ("1969-12-31t23:59:59z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_799), ("2026-11-22T16:00:00-01:30", 1_795_368_600),
            ("2026-11-22T16:00:00+00:00", 1_795_363_200), ("2026-11-22", nil), ("2026-11-22T24:00:00Z", nil),
            ("2026-13-01T00:00:00Z", nil), ("1900-02-29T00:00:00Z", nil), ("2026-11-22T16:00:00+24:00", nil),
            ("2026-11-22T16:00:00X", nil), ("2026-11-22T16:00:0", nil), ("+026-11-22T16:00:00Z", nil),
        ] as [(String, Int64?)]
    )
    func dates(text: String, seconds: Int64?) {
        #expect(CivilTime.parse(Array(text.utf8)) == seconds)
    }

    @Test("a moment reads as RFC 3339 and back")
    func civil() {
        for seconds in [0, -1, 951_825_601, 1_790_000_000, 4_102_444_800, -62_167_219_200, 253_402_300_799] as [Int64] {
            #expect(CivilTime.parse(Array(CivilTime.text(seconds).utf8)) == seconds)
        }
        #expect(CivilTime.text(.max) == "9999-12-31T23:59:59Z" && CivilTime.text(.min) == "0000-01-01T00:00:00Z")
    }
}
