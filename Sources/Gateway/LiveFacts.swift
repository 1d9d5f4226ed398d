// SPDX-License-Identifier: Apache-2.0

import Accounts
import Commitment
import Control
import Glibc
import Privacy
import SMTPTransport
import Settings
import Store
import Synchronization

/// What the running gateway can tell an operator, and what an operator can make it do.
final class LiveFacts: LiveGateway {
    private let settings: PosternSettings
    private let data: DataDirectory
    private let sink: MemoryLogSink
    private let observed: Observations
    private let wake: @Sendable () -> Void
    private let time: Time
    private let started: (boot: BootTime, wall: WallTime)
    private let listeners = Mutex<[StatusReport.Listener]>([])

    init(
        settings: PosternSettings,
        data: DataDirectory,
        sink: MemoryLogSink,
        observed: Observations,
        time: Time,
        wake: @escaping @Sendable () -> Void
    ) {
        self.settings = settings
        self.data = data
        self.sink = sink
        self.observed = observed
        self.time = time
        self.wake = wake
        started = (time.boot(), time.calendar())
    }

    func setListeners(_ bound: [StatusReport.Listener]) {
        listeners.withLock { $0 = bound }
    }

    func status() async -> StatusReport {
        var report = StatusReport()
        report.version = PosternVersion.text
        report.processID = Int(getpid())
        report.upSince = Int(started.wall.seconds)
        report.upSeconds = Int((time.boot() - started.boot).wholeMilliseconds / 1000)
        report.level = settings.level.rawValue
        report.listeners = listeners.withLock { $0 }
        report.sessions = observed.connections.current
        if !data.ledger.isAnyAtLimit(now: time.wall()) { observed.alarms.clear(.accountLimit) }
        await fillQueue(&report)
        report.troubledHops = observed.hops.report(withNames: false)
        report.counters = observed.counters.all
        report.today = observed.counters.sinceMidnight
        for (word, number) in report.today where word.hasPrefix(Counters.limitPrefix) {
            report.limits[String(word.dropFirst(Counters.limitPrefix.count))] = number
        }
        report.store = Self.words(data.queue.health)
        report.diskFreeBytes = data.queue.freeBytes
        report.certificateExpires = settings.tls.flatMap { CertificateExpiry.read($0.certificate) }.map {
            Int($0.seconds)
        }
        report.alarms = observed.alarms.alarms.map { alarm in
            StatusReport.Alarm(
                name: alarm.subject,
                severity: alarm.severity,
                sentence: alarm.sentence,
                remedy: alarm.remedy,
                since: Int(alarm.since.seconds)
            )
        }
        return report
    }

    func troubledHops(withNames: Bool) -> [StatusReport.TroubledHop] { observed.hops.report(withNames: withNames) }

    private func fillQueue(_ report: inout StatusReport) async {
        let counts = data.queue.counts()
        report.queue = [
            "ready": counts.ready, "held": counts.held, "leased": counts.leased, "set-aside": counts.setAside,
            "discarded": counts.discarded,
        ]
        for (state, columns) in counts.byAge { report.ages[state.word] = columns }
        var ages: [Duration] = []
        for state in [CopyState.ready, .held] {
            if let age = try? await data.queue.oldest(state) { ages.append(age) }
        }
        report.oldestSeconds = ages.max().map { Int(clamping: $0.components.seconds) }
    }

    func logLines(after number: Int) -> [LogLine] { sink.lines(after: number) }

    func wakeQueue() async { wake() }

    func recordsChanged() async { wake() }

    func stop() async { kill(getpid(), SIGTERM) }

    private static func words(_ health: StoreHealth) -> String {
        switch health {
        case .ok: "ok"
        case .full: "full: new mail is answered 452 until there is room on the disk"
        case .failing(let error): "failing: \(error.sentence)"
        }
    }
}

extension CopyState {
    /// As an operator writes it.
    fileprivate var word: String {
        switch self {
        case .ready: "ready"
        case .held: "held"
        case .discarded: "discarded"
        case .setAside: "set-aside"
        }
    }
}
