// SPDX-License-Identifier: Apache-2.0

import Accounts
import Commitment
import Control
import Glibc
import NIOCore
import NIOPosix
import Privacy
import SMTPTransport
import Settings

/// What lives as long as the process, through reloads and locks.
struct GatewayShared: Sendable {
    let sink: MemoryLogSink
    let observed: Observations
    /// Who guesses passwords is slowed through a reload and a lock too.
    let brake: SignInBrake
    let callers: CallerTallies
    let group = MultiThreadedEventLoopGroup.singleton
    let time: Time
    let started: (boot: BootTime, wall: WallTime)

    init(_ settings: PosternSettings, time: Time) {
        sink = MemoryLogSink(
            capacity: settings.log.lines,
            time: time,
            identifiers: settings.log.identifierPolicy
        )
        observed = Observations(settings: settings, time: time)
        brake = SignInBrake(longest: settings.signIn.longestDelay)
        callers = CallerTallies()
        self.time = time
        started = (time.boot(), time.calendar())
    }

    /// The log as `settings` want it.
    func log(_ settings: PosternSettings) -> Log { Log(sink: sink, threshold: Log.Level(settings.log.level)) }

    /// Limits and log as `settings` want them from now on.
    func follow(_ settings: PosternSettings) {
        sink.change(capacity: settings.log.lines, identifiers: settings.log.identifierPolicy)
        observed.follow(settings)
        brake.change(longest: settings.signIn.longestDelay)
    }

    /// What can be told whether the gateway is open or locked.
    ///
    /// - Parameter kept: the vault's certificates; nil while it is locked.
    func report(
        _ settings: PosternSettings,
        kept: KeptCertificates? = nil,
        listeners: [StatusReport.Listener]
    ) -> StatusReport {
        var report = StatusReport()
        report.version = PosternVersion.text
        report.processID = Int(getpid())
        report.upSince = Int(started.wall.seconds)
        report.upSeconds = Int((time.boot() - started.boot).wholeMilliseconds / 1000)
        report.level = settings.level.rawValue
        report.listeners = listeners
        report.sessions = observed.connections.current
        report.counters = observed.counters.all
        report.today = observed.counters.sinceMidnight
        for (word, number) in report.today where word.hasPrefix(Counters.limitPrefix) {
            report.limits[String(word.dropFirst(Counters.limitPrefix.count))] = number
        }
        report.certificateExpires = CertificateFitness(settings, kept: kept).map { Int($0.expires.seconds) }
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
}

extension Log.Level {
    init(_ threshold: LogSettings.Threshold) {
        self =
            switch threshold {
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
    }
}

extension LogSettings {
    var identifierPolicy: IdentifierPolicy { identifiers ? .pseudonyms : .omitted }
}
