// SPDX-License-Identifier: Apache-2.0

import Control
import DNSResolver
import Delivery
import Mail
import NIOCore
import NIOPosix
import Pipeline
import Privacy
import SMTPTransport
import SMTPWire
import ServiceLifecycle
import Settings
import Store

/// What lives as long as the process, through reloads and locks.
struct GatewayShared: Sendable {
    let sink: MemoryLogSink
    let counters = Counters()
    let alarms = AlarmBoard()
    let connections: ConnectionLimits
    let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    let time: Time
    let started: BootTime

    init(_ settings: PosternSettings, time: Time) {
        sink = MemoryLogSink(
            capacity: settings.log.lines,
            time: time,
            identifiers: settings.log.identifierPolicy
        )
        connections = ConnectionLimits(
            maxTotal: settings.limits.connections,
            maxPerClient: settings.limits.connectionsPerAddress,
            isExempt: { settings.isOurs(address: $0.bytes) }
        )
        self.time = time
        started = time.boot()
    }

    /// The log as `settings` want it.
    func log(_ settings: PosternSettings) -> Log { Log(sink: sink, threshold: Log.Level(settings.log.level)) }

    /// Limits and log as `settings` want them from now on.
    func follow(_ settings: PosternSettings) {
        sink.change(capacity: settings.log.lines, identifiers: settings.log.identifierPolicy)
        connections.change(
            maxTotal: settings.limits.connections,
            maxPerClient: settings.limits.connectionsPerAddress,
            isExempt: { settings.isOurs(address: $0.bytes) }
        )
    }
}

/// The parts of one gateway under one set of settings, put together at the start, after an unlock and at a reload.
struct GatewayParts: Sendable {
    let dispatcher: Dispatcher
    let services: SessionServices
    let answers: Operator

    init(
        settings: PosternSettings,
        data: DataDirectory,
        shared: GatewayShared,
        listeners: @escaping @Sendable () -> [StatusReport.Listener]
    ) throws {
        let time = shared.time
        let log = shared.log(settings)
        let counters = shared.counters
        let outgoing = try OutgoingMail(
            settings: settings,
            data: data,
            alarms: shared.alarms,
            group: shared.group,
            time: time
        )
        let routes = outgoing.routes
        let pipeline = Pipeline(
            settings: settings,
            queue: data.queue,
            accounts: data.accounts,
            keyring: data.keyring,
            vault: data.vault,
            worker: data.worker,
            time: time,
            log: log,
            nextHopHint: { routes.hop(for: $0.domain)?.hint }
        )
        dispatcher = Dispatcher(
            queue: data.queue,
            delivery: outgoing.delivery,
            routes: routes,
            pipeline: pipeline,
            settings: settings.delivery,
            counters: counters,
            time: time,
            log: log
        )
        let check = RecipientCheck(
            settings: settings,
            accounts: data.accounts,
            rules: ProtectionRules(settings: settings, keyring: data.keyring),
            verifier: outgoing.verifier,
            time: time
        )
        services = SessionServices(
            settings: settings,
            accounts: data.accounts,
            pipeline: pipeline,
            recipients: check,
            spoolDirectory: settings.data,
            bodyMemory: ByteBudget(limit: settings.limits.bodyMemoryBytes),
            counters: counters,
            time: time,
            log: log
        )
        let wake = dispatcher.wake
        let live = LiveFacts(
            settings: settings,
            data: data,
            shared: shared,
            listeners: listeners,
            wake: { wake.fire() }
        )
        answers = Operator(data: data, settings: settings, time: time, live: live)
    }
}

/// Answers operators until the gateway stops.
struct ControlService: Service {
    let server: ControlServer
    let core: GatewayCore

    /// Binds the socket that the settings name, or the one that the data directory's name leads to.
    static func bind(
        _ settings: PosternSettings,
        at path: String,
        core: GatewayCore,
        shared: GatewayShared
    ) async throws(GatewayProblem) -> ControlService {
        guard ControlPath.prepareDirectory(of: path) else {
            throw GatewayProblem(
                "The directory of the control socket \(path) can't be made; set control.socket to a place that can be written."
            )
        }
        do {
            let server = try await ControlServer.bind(path: path, group: shared.group, log: shared.log(settings))
            return ControlService(server: server, core: core)
        } catch {
            throw GatewayProblem(
                "The control socket \(path) can't be made; set control.socket to a place that can be written."
            )
        }
    }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                try await server.run { await core.answer($0) }
            }
        } catch is CancellationError {
            // The gateway stops.
        }
    }
}

extension LogSettings {
    var identifierPolicy: IdentifierPolicy { identifiers ? .pseudonyms : .omitted }
}
