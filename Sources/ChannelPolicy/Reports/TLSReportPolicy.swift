// SPDX-License-Identifier: Apache-2.0

/// The policy under which sessions are counted (RFC 8460 §4.4, `policy`).
package struct TLSReportPolicy: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case tlsa, sts
        case none = "no-policy-found"
    }

    package let kind: Kind
    /// TLSA records, or the lines of an MTA-STS policy.
    package let strings: [String]
    /// The recipients' domain.
    package let domain: String
    /// The patterns of an MTA-STS policy, or the mail host.
    package let hosts: [String]

    package init(kind: Kind, strings: [String] = [], domain: String, hosts: [String] = []) {
        self.kind = kind
        self.strings = strings
        self.domain = domain
        self.hosts = hosts
    }

    /// Nil records: they could not be had.
    package static func tlsa(_ records: TLSASet?, host: String, domain: String) -> TLSReportPolicy {
        let all = (records?.usable.map(\.record) ?? []) + (records?.passedOver.map(\.record) ?? [])
        let texts = all.filter { $0.data.count <= maxRecordBytes }.prefix(maxStrings).map(\.text)
        return TLSReportPolicy(kind: .tlsa, strings: Array(texts), domain: domain, hosts: [host])
    }

    package static func sts(_ policy: STSPolicy, domain: String) -> TLSReportPolicy {
        let hosts = Array(policy.hosts.prefix(maxStrings))
        let lines = STSPolicy(mode: policy.mode, maxAge: policy.maxAge, hosts: hosts).lines
        return TLSReportPolicy(kind: .sts, strings: lines, domain: domain, hosts: hosts)
    }

    package static func noPolicy(domain: String) -> TLSReportPolicy { TLSReportPolicy(kind: .none, domain: domain) }

    /// Longer lists and records are cut, since a report is not where they are read.
    private static let maxStrings = 32
    private static let maxRecordBytes = 512
}

/// One thing that a report counts.
package struct TLSReportEvent: Sendable, Hashable {
    package enum Result: Sendable, Hashable {
        case succeeded
        /// `reason` is one of our fixed words.
        case failed(TLSReportResult, reason: String)
    }

    package let policy: TLSReportPolicy
    package let result: Result
    /// The mail host; empty where it never came to one.
    package let host: String

    package init(_ policy: TLSReportPolicy, _ result: Result, host: String) {
        self.policy = policy
        self.result = result
        self.host = host
    }

    /// A policy file that could not be had, although the domain has a record or a cached policy (RFC 8461 §6).
    package static func fetchFailed(_ failure: STSFetch.Failure, domain: String, cached: STSPolicy?) -> TLSReportEvent?
    {
        if cached?.mode == STSPolicy.Mode.none { return nil }
        let unknown = TLSReportPolicy(kind: .sts, domain: domain)
        let policy = cached.map { TLSReportPolicy.sts($0, domain: domain) } ?? unknown
        let word =
            switch failure {
            case .noAddress: "no-address"
            case .unreachable: "unreachable"
            case .timedOut: "timed-out"
            case .notProven: "not-proven"
            case .status(let code): "status-\(code)"
            case .mediaType: "media-type"
            case .malformed: "malformed"
            case .flawed: "flawed-policy"
            }
        return TLSReportEvent(policy, .failed(failure.reportResult, reason: word), host: "")
    }
}
