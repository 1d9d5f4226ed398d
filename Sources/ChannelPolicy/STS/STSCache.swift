// SPDX-License-Identifier: Apache-2.0

/// A policy as it is kept.
package struct CachedSTS: Sendable, Hashable, Codable {
    /// The TXT record's id when the policy was fetched.
    package let id: String
    package let policy: STSPolicy
    /// In seconds since 1970; the policy's age counts from here.
    package let fetchedAt: Int64

    package init(id: String, policy: STSPolicy, fetchedAt: Int64) {
        self.id = id
        self.policy = policy
        self.fetchedAt = fetchedAt
    }

    package var expiresAt: Int64 { fetchedAt &+ max(0, min(policy.maxAge, STSPolicy.maxMaxAge)) }

    /// A clock that was set back expires nothing.
    package func isLive(at now: Int64) -> Bool { now < expiresAt }

    /// When to fetch it anew although nothing has changed: daily, or at half its age.
    package var refreshAt: Int64 { fetchedAt &+ min(86_400, max(0, policy.maxAge) / 2) }
}

/// The last fetch that failed.
package struct STSAttempt: Sendable, Hashable, Codable {
    /// The id it was made for.
    package let id: String
    package let at: Int64

    package init(id: String, at: Int64) {
        self.id = id
        self.at = at
    }
}

/// The life of a cached policy (RFC 8461 §3.3, §5): it ends by its age or by a valid `none`, never by a failure.
package enum STSLife {
    /// After a failed fetch the same id is left alone for so long, in seconds.
    package static let retryAfter: Int64 = 300

    /// Whether to fetch, and why.
    package enum Fetch: Sendable, Hashable {
        /// Nothing to do.
        case no(Why)
        /// Deliver when it is there: without it the domain would seem to have no policy, or an old one.
        case now(id: String, Why)
        /// Deliver by what is cached and fetch beside it.
        case beside(id: String, Why)

        package enum Why: String, Sendable, Hashable, CaseIterable {
            case unchanged, noRecord, lookupFailed, failedLately
            case firstContact, expired, changed, refresh, beforeGivingUp

            package var text: String {
                switch self {
                case .unchanged: "the cached policy is current"
                case .noRecord: "there is no MTA-STS record"
                case .lookupFailed: "the MTA-STS record can't be looked up"
                case .failedLately: "fetching it failed a moment ago"
                case .firstContact: "the domain has a policy that is not cached"
                case .expired: "the cached policy has expired"
                case .changed: "the policy's id has changed"
                case .refresh: "the cached policy is due for a refresh"
                case .beforeGivingUp: "mail is about to fail under the cached policy"
                }
            }
        }
    }

    /// What to fetch for a domain, given the TXT record now.
    ///
    /// - Parameter givingUp: a copy would fail for good under a cached `enforce`; then the policy is fetched anew whatever its id
    ///   (RFC 8461 §5.1).
    package static func fetch(
        cached: CachedSTS?,
        record: STSRecord,
        lastFailure: STSAttempt? = nil,
        givingUp: Bool = false,
        now: Int64
    ) -> Fetch {
        let live = cached.flatMap { $0.isLive(at: now) ? $0 : nil }
        let wanted: (id: String, why: Fetch.Why, isUrgent: Bool)
        switch (record, live) {
        case (.absent, nil): return .no(.noRecord)
        case (.unknown, nil): return .no(.lookupFailed)
        case (.absent, let live?):
            guard givingUp else { return .no(.noRecord) }
            wanted = (live.id, .beforeGivingUp, true)
        case (.unknown, let live?):
            guard givingUp || now >= live.refreshAt else { return .no(.lookupFailed) }
            wanted = (live.id, givingUp ? .beforeGivingUp : .refresh, givingUp)
        case (.id(let id), nil): wanted = (id, cached == nil ? .firstContact : .expired, true)
        case (.id(let id), let live?):
            if id != live.id {
                wanted = (id, .changed, true)
            } else if givingUp {
                wanted = (id, .beforeGivingUp, true)
            } else if now >= live.refreshAt {
                wanted = (id, .refresh, false)
            } else {
                return .no(.unchanged)
            }
        }
        if let lastFailure, lastFailure.id == wanted.id, (0..<retryAfter).contains(now &- lastFailure.at) {
            return .no(.failedLately)
        }
        return wanted.isUrgent ? .now(id: wanted.id, wanted.why) : .beside(id: wanted.id, wanted.why)
    }

    /// What became of the cache.
    package struct Outcome: Sendable, Hashable {
        package enum Change: Sendable, Hashable {
            /// The cache stays as it is.
            case kept
            /// Store this in place of what is cached.
            case replaced(CachedSTS)
            /// What is cached has expired and may be removed.
            case expired
        }

        package let change: Change
        /// The policy that holds from now on; nil for none.
        package let inForce: CachedSTS?
        /// What failed.
        package let failure: STSFetch.Failure?
        /// Remember this as the last failure; nil after a success.
        package let attempt: STSAttempt?
        /// A policy was kept because its successor could not be had: the operator should know (RFC 8461 §3.3).
        package let isAlarming: Bool
    }

    /// What holds without a fetch.
    package static func inForce(_ cached: CachedSTS?, now: Int64) -> CachedSTS? {
        cached.flatMap { $0.isLive(at: now) ? $0 : nil }
    }

    /// What holds after a fetch for `id`.
    ///
    /// A policy that may not be kept (`max_age` 0) replaces a cached one only when it is `none`.
    package static func after(_ fetch: STSFetch, id: String, cached: CachedSTS?, now: Int64) -> Outcome {
        let live = inForce(cached, now: now)
        switch fetch {
        case .policy(let policy) where policy.mode == .none || policy.maxAge > 0:
            let new = CachedSTS(id: id, policy: policy, fetchedAt: now)
            return Outcome(
                change: .replaced(new),
                inForce: new.isLive(at: now) ? new : nil,
                failure: nil,
                attempt: nil,
                isAlarming: false
            )
        case .policy: return kept(live, cached, .flawed(.maxAge), STSAttempt(id: id, at: now))
        case .failed(let failure): return kept(live, cached, failure, STSAttempt(id: id, at: now))
        }
    }

    private static func kept(
        _ live: CachedSTS?,
        _ cached: CachedSTS?,
        _ failure: STSFetch.Failure,
        _ attempt: STSAttempt
    ) -> Outcome {
        Outcome(
            change: live == nil && cached != nil ? .expired : .kept,
            inForce: live,
            failure: failure,
            attempt: attempt,
            isAlarming: live.map { $0.policy.mode != .none } ?? false
        )
    }
}
