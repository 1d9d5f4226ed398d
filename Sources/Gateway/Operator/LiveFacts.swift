// SPDX-License-Identifier: Apache-2.0

import Accounts
import Commitment
import Control
import Glibc
import Peers
import Privacy
import Settings
import Store

/// What the running gateway can tell an operator, and what an operator can make it do.
final class LiveFacts: LiveGateway {
    private let settings: PosternSettings
    private let data: DataDirectory
    private let shared: GatewayShared
    private let listeners: @Sendable () -> [StatusReport.Listener]
    private let wake: @Sendable () -> Void
    let peers: PeerKeeper
    private let showCertificates: @Sendable () async -> Void

    init(
        settings: PosternSettings,
        data: DataDirectory,
        shared: GatewayShared,
        listeners: @escaping @Sendable () -> [StatusReport.Listener],
        peers: PeerKeeper,
        wake: @escaping @Sendable () -> Void,
        showCertificates: @escaping @Sendable () async -> Void
    ) {
        self.showCertificates = showCertificates
        self.settings = settings
        self.data = data
        self.shared = shared
        self.listeners = listeners
        self.peers = peers
        self.wake = wake
    }

    func status() async -> StatusReport {
        var report = shared.report(settings, kept: data.certificates.kept, listeners: listeners())
        await fillQueue(&report)
        report.troubledHops = shared.observed.hops.report(withNames: false)
        report.store = Self.words(data.queue.health)
        report.diskFreeBytes = data.queue.freeBytes
        return report
    }

    func troubledHops(withNames: Bool) -> [StatusReport.TroubledHop] {
        shared.observed.hops.report(withNames: withNames)
    }

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

    func logLines(after number: Int) -> [LogLine] { shared.sink.lines(after: number) }

    func wakeQueue() async { wake() }

    func recordsChanged() async { wake() }

    func certificatesChanged() async { await showCertificates() }

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
