// SPDX-License-Identifier: Apache-2.0

import Commitment
import Control
import DNSResolver
import Delivery
import Glibc
import Mail
import NIOCore
import NIOPosix
import Pipeline
import Privacy
import SMTPTransport
import ServiceLifecycle
package import Settings
import Store
import UnixSignals
import Vault

/// The running gateway: what is built from what, and in which order it starts and stops.
package enum GatewayProcess {
    /// Runs until SIGTERM or SIGINT, or until something ends that must not.
    ///
    /// Order: settings (the caller's) → harden → vault → store → delivery → pipeline → listeners → metrics → control → ready. Down in reverse.
    /// Throws a ``GatewayProblem`` for what an operator can mend.
    package static func run(_ settings: PosternSettings) async throws {
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
        ProcessHardening.apply()
        // Ages and retries must not follow a wall clock that somebody sets.
        let time = Time.system().steadied()
        let sink = MemoryLogSink(
            capacity: settings.log.lines,
            time: time,
            identifiers: settings.log.identifiers ? .pseudonyms : .omitted
        )
        let log = Log(sink: sink, threshold: Log.Level(settings.log.level))
        let data = try await open(settings, time: time, log: log)
        let parts = try await GatewayParts(settings: settings, data: data, sink: sink, time: time, log: log)
        let listeners = try await parts.bindListeners()
        let metrics = try await parts.bindMetrics()
        let control = try await parts.bindControl()
        let announcement = Announcement(text: try await announcement(parts, listeners: listeners))
        let watching: [any Service] = [parts.watch, parts.notifier] + [metrics].compactMap { $0 }
        let spool: [any Service] = parts.spool.map { [$0] } ?? []
        let services: [any Service] = [parts.dispatcher] + watching + [control] + listeners + spool + [announcement]
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: SilentLogger.make()
            )
        )
        defer { ServiceNotice.stopping.send() }
        try await group.run()
        await data.close()
    }

    private static func open(_ settings: PosternSettings, time: Time, log: Log) async throws -> DataDirectory {
        do {
            if settings.isTryIt { try TryIt.prepareVault(settings, time: time) }
            let vault = try VaultOpening.open(settings.vault, in: settings.data, mayAsk: true)
            // The mailboxes' own folder; each mailbox is made when its first message comes.
            unsafe mkdir(settings.data + "/mail", 0o700)
            return try await DataDirectory.open(
                path: settings.data,
                settings: settings,
                vault: vault,
                time: time,
                log: log
            )
        } catch let error as VaultError {
            throw GatewayProblem("\(settings.data): \(error.sentence)")
        } catch let error as StoreError {
            throw GatewayProblem("\(settings.data): \(error.sentence)")
        }
    }

    /// The one line that says the gateway is ready; in try-it mode what to try comes before it.
    private static func announcement(_ parts: GatewayParts, listeners: [GatewayListener]) async throws -> String {
        let settings = parts.settings
        var text = ""
        if settings.isTryIt {
            let tryIt = TryIt(settings: settings, data: parts.data, time: parts.time)
            let passwords = try await tryIt.makeUsers()
            let mx = settings.listeners.first { $0.role == .mx }?.port ?? 0
            let submission = settings.listeners.first { $0.role == .submission }?.port ?? 0
            text = tryIt.text(passwords: passwords, mxPort: mx, submissionPort: submission) + "\n"
        }
        let places = listeners.map { "\($0.role.rawValue) \($0.address)" }.joined(separator: ", ")
        return text + "postern is ready: \(places), level \(settings.level)"
    }
}

/// Says that the gateway is ready, once signals are handled and everything before it in the list runs.
private struct Announcement: Service {
    let text: String

    func run() async throws {
        print(text)
        fflush(nil)
        ServiceNotice.ready(status: "ready").send()
        try? await gracefulShutdown()
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
