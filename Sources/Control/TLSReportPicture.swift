// SPDX-License-Identifier: Apache-2.0

/// What TLS reports (RFC 8460) tell: those that others sent about us, and what was counted for those that we send.
package struct TLSReportPicture: Codable, Sendable {
    /// Sessions with hosts of one domain, under one policy.
    package struct Policy: Codable, Sendable, Equatable {
        package struct Failure: Codable, Sendable, Equatable {
            /// A word of RFC 8460 section 4.3, or one that came later.
            package var result: String
            package var host: String?
            package var count: Int

            package init(result: String, host: String?, count: Int) {
                self.result = result
                self.host = host
                self.count = count
            }
        }

        /// `tlsa`, `sts` or `no-policy-found`.
        package var kind: String
        package var domain: String
        package var succeeded: Int
        package var failed: Int
        package var failures: [Failure]

        package init(kind: String, domain: String, succeeded: Int, failed: Int, failures: [Failure]) {
            self.kind = kind
            self.domain = domain
            self.succeeded = succeeded
            self.failed = failed
            self.failures = failures
        }
    }

    /// A report about us.
    package struct Received: Codable, Sendable, Equatable {
        /// `unverified`: who made it, and whether it was altered on its way, is not known.
        package var trust: String
        /// What its maker calls itself.
        package var organization: String
        package var id: String
        /// In seconds since 1970.
        package var start: Int
        package var end: Int
        package var policies: [Policy]

        package init(organization: String, id: String, start: Int, end: Int, policies: [Policy]) {
            trust = "unverified"
            self.organization = organization
            self.id = id
            self.start = start
            self.end = end
            self.policies = policies
        }
    }

    /// What was counted on one day (UTC), and what became of the report.
    package struct Own: Codable, Sendable, Equatable {
        /// In seconds since 1970.
        package var start: Int
        /// `open`, `sent`, `unwanted`, `by-mail-only` or `not-taken`.
        package var report: String
        /// Of how many domains these are the counts.
        package var domains: Int
        package var succeeded: Int
        package var failed: Int
        /// Only where domains may be named; then it is one domain's.
        package var policies: [Policy]?

        package init(
            start: Int,
            report: String,
            domains: Int,
            succeeded: Int,
            failed: Int,
            policies: [Policy]? = nil
        ) {
            self.start = start
            self.report = report
            self.domains = domains
            self.succeeded = succeeded
            self.failed = failed
            self.policies = policies
        }
    }

    package var received: [Received]
    package var own: [Own]

    package init(received: [Received], own: [Own]) {
        self.received = received
        self.own = own
    }
}
