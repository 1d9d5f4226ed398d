// SPDX-License-Identifier: Apache-2.0

import Accounts
import Control
import DNSResolver
import Delivery
import DovecotAuth
import LocalMail
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
    /// Takes in what lies in the spool; nil without `[spool]`.
    let spool: SpoolIntake?
    let watch: AlarmWatch
    let notifier: AlarmNotifier
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
        let observed = Observations(settings: settings, time: time)
        let outgoing = try OutgoingMail(
            settings: settings,
            data: data,
            alarms: observed.alarms,
            group: group,
            time: time
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
            nextHopHint: { routes.hop(for: $0.domain)?.hint }
        )
        dispatcher = Dispatcher(
            queue: data.queue,
            delivery: outgoing.delivery,
            routes: routes,
            pipeline: pipeline,
            settings: settings.delivery,
            loops: group.makeIterator().map { LoopExecutor($0) },
            observed: observed,
            time: time,
            log: log
        )
        let check = RecipientCheck(
            settings: settings,
            accounts: data.accounts,
            rules: ProtectionRules(settings: settings, keyring: data.keyring),
            verifier: outgoing.verifier,
            time: time,
            rewriting: pipeline.rewriting
        )
        let callers = LocalCallers(settings: settings, time: time)
        let bodyMemory = ByteBudget(limit: settings.limits.bodyMemoryBytes)
        services = SessionServices(
            settings: settings,
            accounts: data.accounts,
            signIn: SignInDesk(
                accounts: data.accounts,
                dovecot: settings.signIn.dovecot.map { [group] in
                    DovecotAuthClient(path: $0, group: group, time: time)
                },
                brake: SignInBrake(longest: settings.signIn.longestDelay),
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
            recipients: check,
            callers: callers,
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
            log: log
        )
        spool = try SpoolIntake.prepare(services, data: data, alarms: observed.alarms)
        connections = observed.connections
        watch = AlarmWatch(settings: settings, queue: data.queue, observed: observed, time: time)
        notifier = AlarmNotifier(
            settings: settings.alarms,
            hostname: settings.hostname,
            alarms: observed.alarms,
            pipeline: pipeline,
            queue: data.queue,
            time: time,
            log: log
        )
        let wake = dispatcher.wake
        live = LiveFacts(
            settings: settings,
            data: data,
            sink: sink,
            observed: observed,
            time: time,
            wake: { wake.fire() }
        )
    }

    /// Binds every listener; nothing is accepted before they run.
    func bindListeners() async throws -> [GatewayListener] {
        let tls = try ServerCertificate.context(settings, time: time)
        let channelBinding = settings.tls.flatMap { ChannelBinding.serverEndPoint(certificateFile: $0.certificate) }
        var bound: [GatewayListener] = []
        for listener in settings.listeners {
            do {
                bound.append(
                    try await GatewayListener.bind(
                        listener,
                        tls: tls,
                        channelBinding: channelBinding,
                        limits: connections,
                        services: services,
                        group: group
                    )
                )
            } catch let problem as PlaceProblem {
                throw GatewayProblem(problem.sentence)
            } catch {
                throw problem(with: listener)
            }
        }
        live.setListeners(bound.map { .init(role: $0.role.rawValue, address: $0.address) })
        return bound
    }

    private func problem(with listener: Listener) -> GatewayProblem {
        if let path = listener.path {
            return GatewayProblem(
                "The listener \(listener.role.rawValue) can't take the socket \(path): its directory must be there, and the "
                    + "gateway must be able to write in it."
            )
        }
        return GatewayProblem(
            "The listener \(listener.role.rawValue) can't take \(listener.address):\(listener.port): is another "
                + "program on that port, or does it need root? Choose another port in [[listener]], or stop the other program."
        )
    }

    /// The port where Prometheus may ask; nil when the settings name none.
    func bindMetrics() async throws -> MetricsListener? {
        guard let port = settings.metrics.port else { return nil }
        do {
            let live = live
            return try await MetricsListener.bind(port: port, group: group) { MetricsText.text(await live.status()) }
        } catch {
            throw GatewayProblem(
                "The metrics port 127.0.0.1:\(port) can't be taken: is another program on it? Choose another metrics.port, or "
                    + "stop the other program."
            )
        }
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
