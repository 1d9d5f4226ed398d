// SPDX-License-Identifier: Apache-2.0

import Accounts
import Control
import DNSResolver
import Delivery
import Dial
import DovecotAuth
import LocalMail
import Mail
import NIOCore
import NIOPosix
import Peers
import Pipeline
import Privacy
import SMTPTransport
import SMTPWire
import ServiceLifecycle
import Settings
import Store

/// The parts of one gateway under one set of settings, put together at the start, after an unlock and at a reload.
struct GatewayParts: Sendable {
    let dispatcher: Dispatcher
    let services: SessionServices
    let answers: Operator
    /// What works beside the dispatcher: the spool's intake, where `[spool]` asks for one, the watch over alarms and their
    /// messenger, the look at peers' statements, and what refreshes policies and sends reports.
    let attendants: [any Service]

    init(
        settings: PosternSettings,
        data: DataDirectory,
        shared: GatewayShared,
        listeners: @escaping @Sendable () -> [StatusReport.Listener],
        identity: @escaping @Sendable () -> ClientIdentity?,
        showCertificates: @escaping @Sendable () async -> Void
    ) throws {
        let time = shared.time
        let log = shared.log(settings)
        let observed = shared.observed
        let outgoing = try OutgoingMail(
            settings: settings,
            data: data,
            alarms: observed.alarms,
            group: shared.group,
            time: time,
            log: log,
            identity: identity
        )
        let routes = outgoing.routes
        let pipeline = Pipeline(
            settings: settings,
            queue: data.queue,
            records: data.records,
            accounts: data.accounts,
            keyring: data.keyring,
            vault: data.vault,
            worker: data.worker,
            resolver: outgoing.resolver,
            time: time,
            log: log,
            tlsReports: TLSReportDesk(settings, data, observed.counters, log),
            nextHopHint: { routes.hop(for: $0.domain)?.hint }
        )
        dispatcher = Dispatcher(
            queue: data.queue,
            delivery: outgoing.delivery,
            routes: routes,
            pipeline: pipeline,
            settings: settings.delivery,
            loops: shared.group.makeIterator().map { LoopExecutor($0) },
            observed: observed,
            time: time,
            log: log
        )
        services = SessionServices(settings, data, shared, outgoing, pipeline)
        let refresher = PeerRefresher(keeper: outgoing.peers, alarms: observed.alarms, time: time)
        let keeper = CertificateKeeper(
            settings: settings,
            keyring: data.certificates,
            alarms: observed.alarms,
            show: showCertificates,
            time: time,
            log: log
        )
        attendants =
            try Self.attendants(settings, data, shared, services) + [refresher, keeper, outgoing.keeping.attendant]
        let wake = dispatcher.wake
        let live = LiveFacts(
            settings: settings,
            data: data,
            shared: shared,
            listeners: listeners,
            peers: outgoing.peers,
            wake: { wake.fire() },
            showCertificates: showCertificates
        )
        answers = Operator(data: data, settings: settings, time: time, live: live, outgoing: outgoing)
    }

    private static func attendants(
        _ settings: PosternSettings,
        _ data: DataDirectory,
        _ shared: GatewayShared,
        _ services: SessionServices
    ) throws -> [any Service] {
        let observed = shared.observed
        let spool = try SpoolIntake.prepare(services, data: data, alarms: observed.alarms)
        let watch = AlarmWatch(
            settings: settings,
            queue: data.queue,
            ledger: data.ledger,
            keyring: data.certificates,
            observed: observed,
            time: shared.time
        )
        let notifier = AlarmNotifier(
            settings: settings.alarms,
            hostname: settings.hostname,
            alarms: observed.alarms,
            pipeline: services.pipeline,
            queue: data.queue,
            time: shared.time,
            log: services.log
        )
        return [watch, notifier] + [spool].compactMap { $0 }
    }
}

extension SessionServices {
    /// Memory for bodies is counted anew: those of older sessions count under the settings that they began with.
    fileprivate init(
        _ settings: PosternSettings,
        _ data: DataDirectory,
        _ shared: GatewayShared,
        _ outgoing: OutgoingMail,
        _ pipeline: Pipeline
    ) {
        let observed = shared.observed
        let time = shared.time
        let bodyMemory = ByteBudget(limit: settings.limits.bodyMemoryBytes)
        self.init(
            settings: settings,
            accounts: data.accounts,
            signIn: SignInDesk(
                accounts: data.accounts,
                dovecot: settings.signIn.dovecot.map { DovecotAuthClient(path: $0, group: shared.group, time: time) },
                brake: shared.brake,
                owns: { settings.accepts($0) },
                counters: observed.counters,
                alarms: observed.alarms,
                time: time
            ),
            sending: SendingGate(
                allowance: SendingAllowance(settings.limits.account),
                accounts: data.accounts,
                ledger: data.ledger,
                counters: observed.counters,
                alarms: observed.alarms,
                time: time
            ),
            pipeline: pipeline,
            recipients: RecipientCheck(
                settings: settings,
                accounts: data.accounts,
                rules: ProtectionRules(settings: settings, keyring: data.keyring),
                verifier: outgoing.verifier,
                time: time,
                rewriting: pipeline.rewriting
            ),
            callers: LocalCallers(settings: settings, tallies: shared.callers, time: time),
            inbound: InboundProof(settings: settings.channel, peers: { data.peers.pins(at: time.wall()) }),
            passage: Passage(
                delivery: outgoing.delivery,
                queue: data.queue,
                spoolDirectory: settings.data,
                bodyMemory: bodyMemory,
                time: time
            ),
            spoolDirectory: settings.data,
            bodyMemory: bodyMemory,
            counters: observed.counters,
            time: time,
            log: shared.log(settings)
        )
    }
}
