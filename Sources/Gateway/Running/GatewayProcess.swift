// SPDX-License-Identifier: Apache-2.0

import Commitment
import Control
import DNSResolver
import Delivery
import Glibc
import Mail
import NIOCore
import NIOPosix
import OperatingSystem
import Pipeline
import Privacy
import SMTPTransport
import ServiceLifecycle
package import Settings
import Store
import UnixSignals
import Vault

/// How the gateway is to start.
package struct GatewayStart: Sendable {
    package var settings: PosternSettings
    /// Reads and checks the settings again, for a reload; nil in try-it mode.
    package var rereading: (@Sendable () throws(GatewayProblem) -> PosternSettings)?
    /// Asks for no secret, and waits for `postern unlock`.
    package var isLocked: Bool
    /// What ``Privileges/giveUp(_:)`` bound, when it did.
    package var sockets: HandedSockets?

    package init(
        _ settings: PosternSettings,
        isLocked: Bool = false,
        sockets: HandedSockets? = nil,
        rereading: (@Sendable () throws(GatewayProblem) -> PosternSettings)? = nil
    ) {
        self.settings = settings
        self.isLocked = isLocked
        self.sockets = sockets
        self.rereading = rereading
    }
}

/// The running gateway: what is built from what, and in which order it starts and stops.
package enum GatewayProcess {
    /// Runs until SIGTERM or SIGINT, or until something ends that must not.
    ///
    /// Order: settings, and root's rights given up (the caller's) → harden → secret → ports → store → delivery → pipeline → metrics →
    /// control → ready. Down in reverse.
    /// Throws a ``GatewayProblem`` for what an operator can mend.
    package static func run(_ start: GatewayStart) async throws {
        let ready = try await prepare(start)
        try await ready.services.run()
    }

    /// All that is bound and opened; nothing of it holds the secret, which a lock must be able to forget.
    private struct Ready {
        let services: ServiceGroup
        /// Held for as long as the process lives.
        let lock: DirectoryLock
    }

    private static func prepare(_ start: GatewayStart) async throws -> Ready {
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
        ProcessHardening.apply()
        DescriptorLimit.raise()
        let handed = start.sockets ?? HandedSockets.take()
        let settings = start.settings
        // Ages and retries must not follow a wall clock that somebody sets.
        let time = Time.system().steadied()
        let secret = try secret(start, time: time)
        let shared = GatewayShared(settings, time: time)
        let entrance = Entrance(
            .init(
                settings: settings,
                tls: try ServerCertificate.listenerTLS(settings, kept: nil, time: time)
            ),
            connections: shared.observed.connections,
            log: shared.log(settings)
        )
        let doors = Doors(entrance: entrance, handed: handed, time: time, group: shared.group)
        let core = GatewayCore(
            settings: settings,
            rereading: start.rereading,
            shared: shared,
            entrance: entrance,
            doors: doors
        )
        let bound = try await doors.bind(settings.listeners)
        do {
            let socket = controlSocket(start)
            let lock = try lockDirectory(settings.data)
            if let secret { try await core.open(try unlock(settings, secret)) }
            let control = try await ControlService.bind(settings, at: socket, core: core, shared: shared)
            let metrics = try await metrics(settings, core, shared)
            let announcement = Announcement(text: try await announcement(settings, core, doors, shared), core: core)
            await complain(settings, core, doors, shared)
            doors.take(bound, for: settings)
            let first: [any Service] = [core] + [metrics].compactMap { $0 } + [control, doors]
            return Ready(services: group(first, announcement, core, settings, shared), lock: lock)
        } catch {
            await Doors.discard(bound)
            throw error
        }
    }

    /// Those of `first` start first and stop last.
    private static func group(
        _ first: [any Service],
        _ announcement: Announcement,
        _ core: GatewayCore,
        _ settings: PosternSettings,
        _ shared: GatewayShared
    ) -> ServiceGroup {
        var services: [any Service] = first + [announcement]
        if let watchdog = Watchdog(group: shared.group, storeResponds: { await core.respond() }) {
            services.append(watchdog)
        }
        if !settings.isTryIt { services.append(HangUps(core: core)) }
        return ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: SilentLogger.make()
            )
        )
    }

    // MARK: Steps of the start

    /// What opens the vault; nil when the gateway starts locked.
    ///
    /// A service without a secret waits for one; anybody else is told that it is missing.
    private static func secret(_ start: GatewayStart, time: Time) throws -> VaultSecret? {
        let settings = start.settings
        do {
            if settings.isTryIt { try TryIt.prepareVault(settings, time: time) }
            guard VaultFile.exists(in: settings.data) else { throw VaultError.missing }
            guard !start.isLocked else { return nil }
            return try VaultOpening.secret(settings.vault, in: settings.data, mayAsk: true)
        } catch VaultError.noPassphrase where ServiceNotice.isExpected {
            return nil
        } catch let error as VaultError {
            let hint = error == .noPassphrase ? " Or start with --locked, and open it with `postern unlock`." : ""
            throw GatewayProblem("\(settings.data): \(error.sentence)\(hint)")
        }
    }

    private static func unlock(_ settings: PosternSettings, _ secret: VaultSecret) throws(GatewayProblem) -> Vault {
        do {
            return try VaultFile.unlock(in: settings.data, secret: secret)
        } catch {
            throw GatewayProblem("\(settings.data): \(error.sentence)")
        }
    }

    /// Root's own runtime directory is closed to the user that it has become.
    private static func controlSocket(_ start: GatewayStart) -> String {
        let data = start.settings.data
        return start.settings.control.socket
            ?? (start.sockets == nil ? ControlPath.socket(forData: data) : ControlPath.serviceSocket(forData: data))
    }

    /// One gateway for each data directory, locked or not.
    private static func lockDirectory(_ path: String) throws(GatewayProblem) -> DirectoryLock {
        if let sentence = DataDirectory.obstacle(at: path) { throw GatewayProblem(sentence) }
        do {
            return try DirectoryLock(directory: path, name: "gateway.lock")
        } catch {
            throw GatewayProblem("\(path): \(error.sentence)")
        }
    }

    /// The port where Prometheus may ask; nil when the settings name none.
    private static func metrics(
        _ settings: PosternSettings,
        _ core: GatewayCore,
        _ shared: GatewayShared
    ) async throws(GatewayProblem) -> MetricsListener? {
        guard let port = settings.metrics.port else { return nil }
        do {
            return try await MetricsListener.bind(port: port, group: shared.group) { await core.metrics }
        } catch {
            throw GatewayProblem(
                "The metrics port 127.0.0.1:\(port) can't be taken: is another program on it? Choose another metrics.port, or "
                    + "stop the other program."
            )
        }
    }

    /// What does not keep it from starting but needs the operator.
    private static func complain(
        _ settings: PosternSettings,
        _ core: GatewayCore,
        _ doors: Doors,
        _ shared: GatewayShared
    ) async {
        let kept = await core.data?.certificates.kept
        if let problem = CertificateFitness(settings, kept: kept)?.problem(at: shared.time.calendar()) { note(problem) }
        if settings.hasOnlyVaultCertificates, let kept, kept.live.isEmpty {
            note("the vault holds no certificate, and no listener offers TLS; `postern tls import` brings one.")
        }
        let unserved = doors.unserved(by: settings)
        guard !unserved.isEmpty else { return }
        shared.observed.alarms.raise(
            .sockets,
            "The socket unit listens at \(unserved.joined(separator: ", ")), where no [[listener]] serves: clients wait there in vain."
        )
    }

    private static func note(_ sentence: String) {
        let bytes = Array("Note: \(sentence)\n".utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// The one line that says the gateway is ready; in try-it mode what to try comes before it.
    private static func announcement(
        _ settings: PosternSettings,
        _ core: GatewayCore,
        _ doors: Doors,
        _ shared: GatewayShared
    ) async throws -> String {
        var text = ""
        if settings.isTryIt, let data = await core.data {
            let tryIt = TryIt(settings: settings, data: data, time: shared.time)
            let passwords = try await tryIt.makeUsers()
            let mx = settings.listeners.first { $0.role == .mx }?.port ?? 0
            let submission = settings.listeners.first { $0.role == .submission }?.port ?? 0
            text = tryIt.text(passwords: passwords, mxPort: mx, submissionPort: submission) + "\n"
        }
        let places = settings.listeners.map { "\($0.role.rawValue) \($0.place)" }.joined(separator: ", ")
        let lock = await core.isLocked ? ", locked: `postern unlock` opens it" : ""
        return text + "postern is ready: \(places), level \(settings.level)\(lock)"
    }
}

/// Says that the gateway is ready, once signals are handled and everything before it in the list runs.
private struct Announcement: Service {
    let text: String
    let core: GatewayCore

    func run() async throws {
        print(text)
        fflush(nil)
        ServiceNotice.ready(status: await core.status).send()
        try? await gracefulShutdown()
        ServiceNotice.stopping(status: "draining: sessions and deliveries end").send()
    }
}

/// SIGHUP reads the settings again; what came of it stands in the log, and in `status` when it failed.
private struct HangUps: Service {
    let core: GatewayCore

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            _ = await core.reload()
        }
    }
}
