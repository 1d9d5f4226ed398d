// SPDX-License-Identifier: Apache-2.0

/// Fetches by https.
///
/// One conformer besides those of tests: ``Fetcher``.
package protocol Fetching: Sendable {
    /// One GET.
    ///
    /// Any status is an answer; of one that is no 2xx the body is left out.
    func get(_ url: FetchURL, options: FetchOptions) async -> Result<FetchedBody, FetchFault>

    /// One POST; redirects are never followed.
    func post(
        _ url: FetchURL,
        body: [UInt8],
        contentType: String,
        options: FetchOptions
    ) async -> Result<FetchedBody, FetchFault>
}

/// What a caller wants of a look-up.
package struct FetchOptions: Sendable, Hashable {
    /// What becomes of an answer that sends us elsewhere; wherever it leads is vetted like the first address.
    package enum Redirects: Sendable, Hashable {
        /// It is the answer.
        case none
        /// At most so many, at the same host.
        case sameHost(Int)
        /// At most so many, to any host.
        case anyHost(Int)
    }

    /// Of the body.
    package var maxBytes: Int
    /// For everything: look-ups, every connection and every redirect.
    package var timeLimit: Duration
    package var redirects: Redirects
    package var ports: Set<Int>

    package init(
        maxBytes: Int = 65_536,
        timeLimit: Duration = .seconds(60),
        redirects: Redirects = .none,
        ports: Set<Int> = [443]
    ) {
        self.maxBytes = maxBytes
        self.timeLimit = timeLimit
        self.redirects = redirects
        self.ports = ports
    }
}

/// An answer, whole.
package struct FetchedBody: Sendable, Hashable {
    package let status: Int
    package let contentType: String?
    /// Empty unless the status is a 2xx.
    package let body: [UInt8]
    /// Where a redirect leads.
    package let location: String?

    package init(status: Int, contentType: String? = nil, body: [UInt8] = [], location: String? = nil) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.location = location
    }
}
