// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
package import DNSResolver
package import Fetch
import FoundationEssentials
package import Privacy

/// Sends each day's TLS reports (RFC 8460) by https, at a random moment in the first four hours of the next day (UTC).
///
/// Reports by mail are not sent: they would have to be signed (§3), and nothing here signs yet.
package actor TLSReportSender {
    private let ledger: TLSReportLedger
    private let resolver: any DNSResolving
    private let fetcher: any Fetching
    private let organization: String
    private let contact: String
    private let time: Time
    private let log: Log
    private var tries: [TLSReportCounts.Place: (made: Int, next: Int64)] = [:]
    /// In seconds after midnight; another one each day.
    private var moment = TLSReportSender.randomMoment
    private var day: Int64 = 0

    private static var randomMoment: Int64 { Int64.random(in: 0..<14_400) }
    /// Between two tries, in seconds: twice as long each time, up to six hours.
    private static let firstRetry: Int64 = 900
    private static let longestRetry: Int64 = 21_600
    /// After the end of its day a report is given up.
    private static let giveUpAfter: Int64 = 2 * 86_400
    private static let targets = 4

    /// - Parameters:
    ///   - organization: the name of this gateway.
    ///   - contact: an address of the operator's.
    package init(
        ledger: TLSReportLedger,
        resolver: any DNSResolving,
        fetcher: any Fetching,
        organization: String,
        contact: String,
        time: Time,
        log: Log
    ) {
        self.ledger = ledger
        self.resolver = resolver
        self.fetcher = fetcher
        self.organization = organization
        self.contact = contact
        self.time = time
        self.log = log
    }

    /// Writes the ledger down every minute and sends what is due, until the task is cancelled.
    package func run() async {
        while true {
            await sendDue()
            await ledger.flush()
            do {
                try await time.sleep(for: .seconds(60))
            } catch {
                break
            }
        }
        // In a task of its own: this one is cancelled, and the store writes nothing for such.
        await Task { [ledger] in await ledger.flush() }.value
    }

    /// One report after the other.
    func sendDue() async {
        let now = time.calendar().seconds
        let today = TLSReportCounts.day(now)
        if today != day {
            day = today
            moment = TLSReportSender.randomMoment
        }
        guard now >= today * 86_400 + moment else { return }
        for counts in ledger.due(at: now).shuffled() {
            if Task.isCancelled { return }
            if let next = tries[counts.place]?.next, now < next { continue }
            await settle(counts, await send(counts), now)
        }
        let open = Set(ledger.due(at: now).map(\.place))
        tries = tries.filter { open.contains($0.key) }
    }

    private func settle(_ counts: TLSReportCounts, _ fate: TLSReportLedger.Fate, _ now: Int64) async {
        guard !Task.isCancelled else { return }
        if fate != .open { return ledger.settle(counts, fate) }
        guard now < counts.end + TLSReportSender.giveUpAfter else {
            log.info("a TLS report was given up: nobody took it")
            return ledger.settle(counts, .notTaken)
        }
        let made = (tries[counts.place]?.made ?? 0) + 1
        let wait = min(TLSReportSender.longestRetry, TLSReportSender.firstRetry << Int64(min(made - 1, 10)))
        tries[counts.place] = (made, now + wait)
    }

    /// What became of it; `open` for another try.
    private func send(_ counts: TLSReportCounts) async -> TLSReportLedger.Fate {
        let answer = await resolver.resolve(TLSReportRecord.name(counts.domain), .txt)
        guard answer.isUsable else { return .open }
        guard let record = TLSReportRecord(answer.texts) else { return .unwanted }
        let places = record.targets.compactMap { if case .https(let url) = $0 { url } else { nil } }
        guard !places.isEmpty else { return .byMailOnly }
        let report = TLSReport(
            counts,
            organization: organization,
            contact: contact,
            id: UUID().uuidString.lowercased()
        )
        guard let body = Gzip.packed(report.encoded) else { return .open }
        var isTaken = false
        for place in places.prefix(TLSReportSender.targets) where await post(body, to: place) { isTaken = true }
        return isTaken ? .sent : .open
    }

    private func post(_ body: [UInt8], to place: String) async -> Bool {
        guard let url = try? FetchURL(place) else { return false }
        let answer = await fetcher.post(
            url,
            body: body,
            contentType: "application/tlsrpt+gzip",
            options: FetchOptions()
        )
        switch answer {
        case .success(let answer) where (200...299).contains(answer.status): return true
        case .success(let answer):
            log.info("a TLS report was not taken", .count("status", answer.status))
            return false
        case .failure(let fault):
            log.info("a TLS report was not taken", .word("reason", fault))
            return false
        }
    }
}

extension TLSReportCounts {
    /// Of which domain and day.
    struct Place: Hashable, Sendable {
        let domain: String
        let day: Int64
    }

    var place: Place { Place(domain: domain, day: day) }
}
