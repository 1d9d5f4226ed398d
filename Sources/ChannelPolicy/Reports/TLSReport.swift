// SPDX-License-Identifier: Apache-2.0

/// A TLS report (RFC 8460 §4.4): one that we send, or one that somebody sent us.
package struct TLSReport: Sendable, Hashable {
    package struct Failure: Sendable, Hashable {
        /// A word of ``TLSReportResult``, or one that came later.
        package let result: String
        package let host: String?
        package let reason: String?
        /// Of the server that sent the mail and of the one that took it; never the address of a person.
        package let sendingIP: String?
        package let receivingIP: String?
        package let count: Int

        package init(
            result: String,
            host: String? = nil,
            reason: String? = nil,
            sendingIP: String? = nil,
            receivingIP: String? = nil,
            count: Int
        ) {
            self.result = result
            self.host = host
            self.reason = reason
            self.sendingIP = sendingIP
            self.receivingIP = receivingIP
            self.count = count
        }
    }

    package struct Policy: Sendable, Hashable {
        /// A word of ``TLSReportPolicy/Kind``, or one that came later.
        package let kind: String
        package let strings: [String]
        package let domain: String
        package let hosts: [String]
        package let succeeded: Int
        package let failed: Int
        package let failures: [Failure]

        package init(
            kind: String,
            strings: [String] = [],
            domain: String,
            hosts: [String] = [],
            succeeded: Int,
            failed: Int,
            failures: [Failure] = []
        ) {
            self.kind = kind
            self.strings = strings
            self.domain = domain
            self.hosts = hosts
            self.succeeded = succeeded
            self.failed = failed
            self.failures = failures
        }
    }

    package let organization: String
    /// An address of the operator's.
    package let contact: String
    package let id: String
    /// In seconds since 1970, both inclusive.
    package let start: Int64
    package let end: Int64
    package let policies: [Policy]

    package init(organization: String, contact: String, id: String, start: Int64, end: Int64, policies: [Policy]) {
        self.organization = organization
        self.contact = contact
        self.id = id
        self.start = start
        self.end = end
        self.policies = policies
    }

    /// The report on a day's counts.
    package init(_ counts: TLSReportCounts, organization: String, contact: String, id: String) {
        let policies = counts.rows.map { row in
            Policy(
                kind: row.policy.kind.rawValue,
                strings: row.policy.strings,
                domain: row.policy.domain,
                hosts: row.policy.hosts,
                succeeded: row.succeeded,
                failed: row.failed,
                failures: row.failures.map {
                    Failure(
                        result: $0.result.rawValue,
                        host: $0.host.isEmpty ? nil : $0.host,
                        reason: $0.reason,
                        count: $0.count
                    )
                }
            )
        }
        self.init(
            organization: organization,
            contact: contact,
            id: id,
            start: counts.start,
            end: counts.end,
            policies: policies
        )
    }

    /// The file's name (RFC 8460 §5.1).
    package func fileName(sender: String, policyDomain: String, isCompressed: Bool) -> String {
        "\(sender)!\(policyDomain)!\(start)!\(end).json\(isCompressed ? ".gz" : "")"
    }
}
