// SPDX-License-Identifier: Apache-2.0

import Commitment
import Control
import Glibc
import Privacy
import SMTPTransport
import Settings
import Store

/// What the running gateway can tell an operator, and what an operator can make it do.
final class LiveFacts: LiveGateway {
    private let settings: PosternSettings
    private let data: DataDirectory
    private let sink: MemoryLogSink
    private let counters: Counters
    private let connections: ConnectionLimits
    private let wake: @Sendable () -> Void
    private let time: Time
    private let started: BootTime
    private let listeners: @Sendable () -> [StatusReport.Listener]
    private let alarms: AlarmBoard

    init(
        settings: PosternSettings,
        data: DataDirectory,
        shared: GatewayShared,
        listeners: @escaping @Sendable () -> [StatusReport.Listener],
        wake: @escaping @Sendable () -> Void
    ) {
        self.settings = settings
        self.data = data
        sink = shared.sink
        counters = shared.counters
        connections = shared.connections
        alarms = shared.alarms
        time = shared.time
        started = shared.started
        self.listeners = listeners
        self.wake = wake
    }

    func status() async -> StatusReport {
        let counts = data.queue.counts()
        return StatusReport(
            version: PosternVersion.text,
            processID: Int(getpid()),
            upSeconds: Int((time.boot() - started).wholeMilliseconds / 1000),
            level: settings.level.rawValue,
            locked: false,
            listeners: listeners(),
            sessions: connections.current,
            queue: [
                "ready": counts.ready, "held": counts.held, "leased": counts.leased, "set-aside": counts.setAside,
                "discarded": counts.discarded,
            ],
            oldestSeconds: nil,
            counters: counters.all,
            store: Self.words(data.queue.health),
            alarms: alarms.sentences
        )
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
