// SPDX-License-Identifier: Apache-2.0

import ChannelRecords
import DNSResolver
import Delivery
import Fetch
import Mail
import NIOCore
import Pipeline
import Privacy
import ServiceLifecycle
import Settings

/// What is fetched and kept about the ways to other domains: their MTA-STS policies, and the TLS reports of both directions.
struct ChannelKeeping: Sendable {
    let fetcher: Fetcher
    let policies: STSKeeper
    let reports: TLSReportLedger
    private let sender: TLSReportSender
    private let isReporting: Bool

    init(
        settings: PosternSettings,
        data: DataDirectory,
        resolver: any DNSResolving,
        roots: PublicRoots,
        alarms: AlarmBoard,
        group: any EventLoopGroup,
        time: Time,
        log: Log
    ) {
        fetcher = Fetcher(
            resolver: resolver,
            roots: roots,
            allowPrivate: settings.channel.allowPrivate,
            group: group,
            time: time
        )
        reports = data.tlsLedger
        isReporting = settings.channel.tlsReports
        policies = STSKeeper(
            resolver: resolver,
            fetcher: fetcher,
            records: data.records,
            time: time,
            log: log,
            reports: reports
        ) { number in
            let domains = number == 1 ? "1 domain" : "\(number) domains"
            alarms.set(
                .policyKept,
                number > 0,
                "The MTA-STS policy of \(domains) can't be fetched anew; the one that is kept holds until it expires."
            )
        }
        sender = TLSReportSender(
            ledger: reports,
            resolver: resolver,
            fetcher: fetcher,
            organization: settings.hostname.key,
            contact: settings.channel.tlsReportContact?.wire ?? "postmaster@\(settings.hostname.key)",
            time: time,
            log: log
        )
    }

    /// Refreshes policies and sends reports.
    var attendant: any Service {
        ChannelAttendant(policies: policies, reports: reports, sender: sender, isReporting: isReporting)
    }
}

private struct ChannelAttendant: Service {
    let policies: STSKeeper
    let reports: TLSReportLedger
    let sender: TLSReportSender
    let isReporting: Bool

    func run() async throws {
        reports.turn(on: isReporting)
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await policies.run() }
                group.addTask { await sender.run() }
            }
        }
    }
}

/// Takes reports about us at the address that `channel.tls_report_address` names.
struct TLSReportDesk: TLSReportTaking {
    let address: EmailAddress
    let settings: PosternSettings
    let shelf: TLSReportShelf
    let counters: Counters
    let log: Log

    var longestBody: Int { TLSReportInput.maxMessageBytes }

    /// Nil where no address is set.
    init?(_ settings: PosternSettings, _ data: DataDirectory, _ counters: Counters, _ log: Log) {
        guard let address = settings.channel.tlsReportAddress else { return nil }
        self.address = address
        self.settings = settings
        shelf = data.tlsShelf
        self.counters = counters
        self.log = log
    }

    func take(_ header: HeaderSection, _ body: [UInt8], at now: WallTime) async throws {
        let isOurs = { (name: String) in Domain(name).map(settings.isOwn) ?? false }
        switch try await shelf.take(header, body, isOurs: isOurs, at: now) {
        case .kept: counters.add(Self.taken)
        case .notOurs:
            counters.add(Self.dropped)
            log.info("a TLS report about none of our domains was dropped")
        case .unreadable:
            counters.add(Self.dropped)
            log.info("mail to the address for TLS reports had no report that can be read, and was dropped")
        case .full:
            counters.add(Self.dropped)
            log.warning("a TLS report was dropped: as many as are kept are kept already")
        }
    }

    func dropTooLong() {
        counters.add(Self.dropped)
        log.info("mail to the address for TLS reports was too long, and was dropped")
    }

    private static let taken = "tls reports taken"
    private static let dropped = "tls reports dropped"
}
