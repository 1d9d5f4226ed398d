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

/// The parts of one gateway, put together once.
struct GatewayParts {
    let settings: PosternSettings
    let data: DataDirectory
    let time: Time
    let dispatcher: Dispatcher
    private let services: SessionServices
    private let connections: ConnectionLimits
    private let live: LiveFacts
    private let group: MultiThreadedEventLoopGroup
    private let log: Log

    init(settings: PosternSettings, data: DataDirectory, sink: MemoryLogSink, time: Time, log: Log) async throws {
        self.settings = settings
        self.data = data
        self.time = time
        self.log = log
        group = .singleton
        let counters = Counters()
        let alarms = AlarmBoard()
        let outgoing = try OutgoingMail(settings: settings, data: data, alarms: alarms, group: group, time: time)
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
            loops: group.makeIterator().map { LoopExecutor($0) },
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
        connections = ConnectionLimits(
            maxTotal: settings.limits.connections,
            maxPerClient: settings.limits.connectionsPerAddress,
            isExempt: { settings.isOurs(address: $0.bytes) }
        )
        let wake = dispatcher.wake
        live = LiveFacts(
            settings: settings,
            data: data,
            sink: sink,
            counters: counters,
            connections: connections,
            alarms: alarms,
            time: time,
            wake: { wake.fire() }
        )
    }

    /// Binds every listener; nothing is accepted before they run.
    func bindListeners() async throws -> [GatewayListener] {
        let tls = try ServerCertificate.context(settings, time: time)
        var bound: [GatewayListener] = []
        for listener in settings.listeners {
            do {
                bound.append(
                    try await GatewayListener.bind(
                        listener,
                        tls: tls,
                        limits: connections,
                        services: services,
                        group: group
                    )
                )
            } catch {
                throw GatewayProblem(
                    "The listener \(listener.role.rawValue) can't take \(listener.address):\(listener.port): is another "
                        + "program on that port, or does it need root? Choose another port in [[listener]], or stop the other program."
                )
            }
        }
        live.setListeners(bound.map { .init(role: $0.role.rawValue, address: $0.address) })
        return bound
    }

    func bindControl() async throws -> ControlService {
        let path = settings.control.socket ?? ControlPath.socket(forData: settings.data)
        let answers = Operator(data: data, settings: settings, time: time, live: live)
        guard ControlPath.prepareDirectory(of: path) else {
            throw GatewayProblem(
                "The directory of the control socket \(path) can't be made; set control.socket to a place that can be written."
            )
        }
        do {
            let server = try await ControlServer.bind(path: path, group: group, log: log)
            return ControlService(server: server, answers: answers)
        } catch {
            throw GatewayProblem(
                "The control socket \(path) can't be made; set control.socket to a place that can be written."
            )
        }
    }
}

/// Answers operators until the gateway stops.
struct ControlService: Service {
    let server: ControlServer
    let answers: Operator

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                try await server.run { await answers.answer($0) }
            }
        } catch is CancellationError {
            // The gateway stops.
        }
    }
}
