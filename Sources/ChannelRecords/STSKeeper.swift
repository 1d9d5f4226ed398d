// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
package import DNSResolver
package import Delivery
package import Fetch
package import Mail
package import Privacy
package import Store

/// Keeps other domains' MTA-STS policies (RFC 8461): in memory for the decision, sealed in the store for the next start.
///
/// Of each domain at most one fetch is under way; who needs it waits for it. Nothing that fails ends a policy (``STSLife``).
package actor STSKeeper: STSPolicies {
    /// What is known of a domain.
    struct Entry {
        var record: STSRecord?
        /// Until then the record need not be asked for.
        var recordEnds = BootTime(milliseconds: .min)
        var cached: CachedSTS?
        var lastFailure: STSAttempt?
        var failure: STSFetch.Failure?
        var usedAt: Int64 = 0
    }

    /// How much is kept.
    package struct Bounds: Sendable {
        /// A policy counts as one, and one more for each of its hosts.
        package var policies = 200_000
        /// Domains of which no policy is kept.
        package var others = 10_000

        package init() {}
    }

    private let resolver: any DNSResolving
    private let fetcher: any Fetching
    private let store: STSStore
    private let time: Time
    private let log: Log
    private let reports: (any TLSReportCounting)?
    /// Told how many domains' policies could not be fetched anew and are kept.
    private let alarm: @Sendable (Int) -> Void
    private let bounds: Bounds

    private var entries: [String: Entry] = [:]
    private var policyCost = 0
    private var isLoaded = false
    private var fetches: [String: Task<CachedSTS?, Never>] = [:]
    /// Of those, the ones that nobody waits for.
    private var background: Set<String> = []
    private var failing: Set<String> = []

    /// The longest that a TXT record is believed without asking again, and how long a failed look-up is.
    private static let longestRecord = Duration.seconds(3600)
    private static let failedRecord = Duration.seconds(30)
    /// Before giving up, a policy that is younger is new enough.
    private static let freshFor: Int64 = 60
    /// A policy that was not used for so long is not refreshed.
    private static let unusedAfter: Int64 = 14 * 86_400

    package init(
        resolver: any DNSResolving,
        fetcher: any Fetching,
        records: RecordStore,
        time: Time,
        log: Log,
        reports: (any TLSReportCounting)? = nil,
        bounds: Bounds = Bounds(),
        alarm: @escaping @Sendable (Int) -> Void
    ) {
        self.resolver = resolver
        self.fetcher = fetcher
        self.store = STSStore(records: records)
        self.time = time
        self.log = log
        self.reports = reports
        self.bounds = bounds
        self.alarm = alarm
    }

    // MARK: - Decisions

    package func facts(for domain: Domain, now: WallTime, givingUp: Bool) async -> STSFacts {
        guard await load() else { return .unreadable }
        let name = domain.key
        let record = await record(of: name, anew: givingUp)
        entries[name, default: Entry()].usedAt = now.seconds
        var inForce = STSLife.inForce(entries[name]?.cached, now: now.seconds)
        switch next(name, record, givingUp, now.seconds) {
        case .no: break
        case .beside(let id, _): startBeside(name, id)
        case .now(let id, _):
            inForce = await fetch(name, id) ?? STSLife.inForce(entries[name]?.cached, now: now.seconds)
        }
        makeRoom()
        return inForce.map(STSFacts.inForce) ?? .none(absence(name, record))
    }

    private func next(_ name: String, _ record: STSRecord, _ givingUp: Bool, _ now: Int64) -> STSLife.Fetch {
        let entry = entries[name]
        let isFresh = entry?.cached.map { (0..<STSKeeper.freshFor).contains(now &- $0.fetchedAt) } ?? false
        return STSLife.fetch(
            cached: entry?.cached,
            record: record,
            lastFailure: entry?.lastFailure,
            givingUp: givingUp && !isFresh,
            now: now
        )
    }

    private func absence(_ name: String, _ record: STSRecord) -> STSAbsence {
        switch record {
        case .absent(let absence): .record(absence)
        case .unknown(let security): .lookup(security)
        case .id: entries[name]?.failure.map(STSAbsence.fetch) ?? .ended
        }
    }

    private func record(of name: String, anew: Bool) async -> STSRecord {
        if !anew, let entry = entries[name], let record = entry.record, time.boot() < entry.recordEnds { return record }
        let answer = await resolver.resolve(STSRecord.name(name), .txt)
        let record = STSRecord(answer.security.lookupSecurity, answer.texts)
        if Task.isCancelled { return record }
        let span =
            answer.isUsable ? min(answer.timeToLive, STSKeeper.longestRecord) : STSKeeper.failedRecord
        entries[name, default: Entry()].record = record
        entries[name]?.recordEnds = time.boot() + span
        return record
    }

    // MARK: - Fetching

    /// What holds after the fetch that is under way, or one that begins now.
    ///
    /// Cancelling the caller ends the fetch; whoever else waits for it begins a new one.
    private func fetch(_ name: String, _ id: String) async -> CachedSTS? {
        while true {
            let task = fetches[name] ?? begin(name, id)
            background.remove(name)
            let inForce = await withTaskCancellationHandler {
                await task.value
            } onCancel: {
                task.cancel()
            }
            if !task.isCancelled || Task.isCancelled { return inForce }
        }
    }

    private func startBeside(_ name: String, _ id: String) {
        guard fetches[name] == nil else { return }
        background.insert(name)
        _ = begin(name, id)
    }

    private func begin(_ name: String, _ id: String) -> Task<CachedSTS?, Never> {
        let task = Task {
            let result = await policy(of: name)
            let inForce = await settle(name, id, result)
            fetches[name] = nil
            background.remove(name)
            return inForce
        }
        fetches[name] = task
        return task
    }

    /// Nil when it was cancelled, which says nothing about the policy host.
    private func policy(of name: String) async -> STSFetch? {
        guard let url = try? FetchURL(STSFetch.url(name)) else { return .failed(.noAddress) }
        let options = FetchOptions(maxBytes: STSPolicy.maxBytes, timeLimit: .seconds(60), redirects: .none)
        switch await fetcher.get(url, options: options) {
        case .success(let answer):
            return STSFetch(status: answer.status, contentType: answer.contentType, body: answer.body)
        case .failure(.cancelled): return nil
        case .failure(let fault):
            log.info("an MTA-STS policy could not be fetched", .word("reason", fault))
            return .failed(fault.stsFailure)
        }
    }

    private func settle(_ name: String, _ id: String, _ result: STSFetch?) async -> CachedSTS? {
        let now = time.wall().seconds
        guard let result else { return STSLife.inForce(entries[name]?.cached, now: now) }
        let before = entries[name]?.cached
        let outcome = STSLife.after(result, id: id, cached: before, now: now)
        entries[name, default: Entry()].lastFailure = outcome.attempt
        entries[name]?.failure = outcome.failure
        if let failure = outcome.failure {
            let event = TLSReportEvent.fetchFailed(failure, domain: name, cached: outcome.inForce?.policy)
            if let event { reports?.count(event) }
        }
        note(name, isFailing: outcome.isAlarming)
        switch outcome.change {
        case .kept: break
        case .expired: await forget(name)
        case .replaced(let new): await keep(name, new, now)
        }
        return outcome.inForce
    }

    private func keep(_ name: String, _ new: CachedSTS, _ now: Int64) async {
        guard new.isLive(at: now) else { return await forget(name) }
        let old = entries[name]?.cached?.cost ?? 0
        if policyCost - old + new.cost > bounds.policies { await removeExpired(now) }
        guard policyCost - old + new.cost <= bounds.policies || old > 0 else {
            log.warning("there is no room for another MTA-STS policy; it is fetched again when it is needed")
            return
        }
        policyCost += new.cost - old
        entries[name, default: Entry()].cached = new
        await store.put(name, new, log)
    }

    private func forget(_ name: String) async {
        policyCost -= entries[name]?.cached?.cost ?? 0
        entries[name]?.cached = nil
        note(name, isFailing: false)
        await store.remove(name, log)
    }

    private func removeExpired(_ now: Int64) async {
        for (name, entry) in entries where entry.cached.map({ !$0.isLive(at: now) }) ?? false { await forget(name) }
    }

    private func note(_ name: String, isFailing: Bool) {
        let before = failing.count
        if isFailing { failing.insert(name) } else { failing.remove(name) }
        if failing.count != before { alarm(failing.count) }
    }

    /// Domains without a policy are forgotten when there are too many of them; asking again costs a look-up.
    private func makeRoom() {
        guard entries.count > bounds.others else { return }
        let others = entries.filter { $0.value.cached == nil && fetches[$0.key] == nil }
        guard others.count > bounds.others else { return }
        let byUse = others.sorted { $0.value.usedAt < $1.value.usedAt }
        for (name, _) in byUse.prefix(others.count / 2) { entries[name] = nil }
    }

    // MARK: - Memory and refresh

    /// Reads what was kept; false while the store can't be read.
    private func load() async -> Bool {
        if isLoaded { return true }
        guard let kept = await store.all() else { return false }
        if isLoaded { return true }
        isLoaded = true
        for (name, cached) in kept where entries[name]?.cached == nil {
            var entry = entries[name] ?? Entry()
            entry.cached = cached
            entry.usedAt = max(entry.usedAt, cached.fetchedAt)
            entries[name] = entry
            policyCost += cached.cost
        }
        return true
    }

    /// Fetches anew what is used and due, at random times, until the task is cancelled; then it ends what nobody waits for.
    package func run() async {
        alarm(failing.count)
        while true {
            do {
                try await time.sleep(for: .seconds(Int64.random(in: 1800...5400)))
            } catch {
                break
            }
            await refresh()
        }
        for name in background { fetches[name]?.cancel() }
    }

    /// Domains of which anything is known.
    var size: Int { entries.count }

    /// One after the other, each policy that is due.
    func refresh() async {
        guard await load() else { return }
        let now = time.wall().seconds
        await removeExpired(now)
        let due = entries.filter { _, entry in
            guard let cached = entry.cached else { return false }
            return now >= cached.refreshAt && now - entry.usedAt < STSKeeper.unusedAfter
        }
        for name in due.keys.shuffled() {
            if Task.isCancelled { return }
            let record = await record(of: name, anew: false)
            switch next(name, record, false, time.wall().seconds) {
            case .no: break
            case .now(let id, _), .beside(let id, _): _ = await fetch(name, id)
            }
        }
    }
}

extension CachedSTS {
    fileprivate var cost: Int { 1 + policy.hosts.count }
}

extension DNSSecurity {
    var lookupSecurity: LookupSecurity {
        switch self {
        case .secure: .secure
        case .insecure: .insecure
        case .bogus: .bogus
        case .failed: .failed
        }
    }
}

extension FetchFault {
    /// The same in the words of MTA-STS.
    package var stsFailure: STSFetch.Failure {
        switch self {
        case .url, .port, .noAddress, .forbiddenAddress, .bogus: .noAddress
        case .lookupFailed, .unreachable, .cancelled: .unreachable
        case .timedOut: .timedOut
        case .handshake, .unproven, .noTLS: .notProven
        case .tooLarge: .flawed(.tooLarge)
        case .brokenOff, .malformed, .headerTooLarge, .encoded, .tooManyRedirects, .redirect, .redirectElsewhere:
            .malformed
        }
    }
}
