// SPDX-License-Identifier: Apache-2.0

import Commitment
import Control
import Glibc
import Privacy
import ServiceLifecycle
import Settings
import Store
import Vault

/// The running gateway as an operator changes it: locked or open, and under which settings.
///
/// One change at a time. Whatever goes wrong on the way leaves what was there before.
actor GatewayCore: Service {
    /// Everything that an open gateway has and a locked one has not.
    private struct Opened {
        let data: DataDirectory
        var parts: GatewayParts
        var dispatching: Dispatching
        /// Dispatchers of earlier settings that end their last deliveries.
        var retired: [Dispatching] = []
    }

    private let rereading: (@Sendable () throws(GatewayProblem) -> PosternSettings)?
    private let shared: GatewayShared
    private let entrance: Entrance
    private let doors: Doors
    private let jobs = AsyncStream.makeStream(of: Dispatching.self)
    private var settings: PosternSettings
    private var certificate: CertificateFitness?
    private var opened: Opened?
    private var isChanging = false
    /// To see that nobody holds the root key any more.
    private weak var lastVault: Vault?

    init(
        settings: PosternSettings,
        rereading: (@Sendable () throws(GatewayProblem) -> PosternSettings)?,
        shared: GatewayShared,
        entrance: Entrance,
        doors: Doors
    ) {
        self.settings = settings
        self.rereading = rereading
        self.shared = shared
        self.entrance = entrance
        self.doors = doors
        certificate = CertificateFitness(settings)
    }

    var isLocked: Bool { opened == nil }

    /// The data while it is open.
    var data: DataDirectory? { opened?.data }

    /// Deliveries go on until the gateway stops; then the files are closed.
    nonisolated func run() async throws {
        let jobs = jobs
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await job in jobs.stream { group.addTask { await job.run() } }
            }
        } onGracefulShutdown: {
            jobs.continuation.finish()
        }
        await closeFiles()
    }

    private func closeFiles() async {
        await opened?.data.close()
        opened = nil
    }

    // MARK: Questions

    func answer(_ request: ControlRequest) async -> ControlResponse {
        switch request {
        case .reload: return await reload()
        case .lock: return await lock()
        case .unlock(let secret): return await unlock(secret)
        default:
            // Not held while the answer is made: a lock must be able to take it away.
            guard let answers = opened?.parts.answers else { return answerLocked(request) }
            return await answers.answer(request)
        }
    }

    private func answerLocked(_ request: ControlRequest) -> ControlResponse {
        switch request {
        case .status: return .status(lockedStatus)
        case .metrics: return .exported(MetricsText.text(lockedStatus))
        case .log(let number): return .log(shared.sink.lines(after: number))
        case .stop:
            kill(getpid(), SIGTERM)
            return .done("The gateway is stopping.")
        case .vaultStatus:
            do {
                let status = try VaultFile.status(in: settings.data)
                return .vault(VaultReport(locked: true, slots: status.slots.map(\.words)))
            } catch {
                return .refused(error.sentence)
            }
        default: return .refused("The gateway is locked, and everything it keeps is sealed; `postern unlock` opens it.")
        }
    }

    private var lockedStatus: StatusReport {
        var report = shared.report(settings, listeners: doors.places)
        report.locked = true
        report.store = "closed"
        return report
    }

    /// What Prometheus gets.
    var metrics: String {
        get async {
            guard case .exported(let text) = await answer(.metrics) else { return "" }
            return text
        }
    }

    /// Returns when the store has answered; at once while it is closed.
    ///
    /// What it answers is `status`'s affair: a disk in trouble is no reason to start anew.
    func respond() async {
        guard let queue = opened?.data.queue else { return }
        try? await queue.respond()
    }

    /// What the service manager shows.
    var status: StaticString { isLocked ? "locked: mail is put off until `postern unlock`" : "running" }

    // MARK: Lock and unlock

    /// Opens the files under `vault` and lets mail in and out.
    func open(_ vault: Vault) async throws(GatewayProblem) {
        do {
            // The mailboxes' own folder; each mailbox is made when its first message comes.
            unsafe mkdir(settings.data + "/mail", 0o700)
            let data = try await DataDirectory.open(
                path: settings.data,
                settings: settings,
                vault: vault,
                time: shared.time,
                log: shared.log(settings)
            )
            do {
                let parts = try parts(settings, data)
                let tls = try listenerTLS(settings, data)
                let dispatching = Dispatching(parts)
                opened = Opened(data: data, parts: parts, dispatching: dispatching)
                jobs.continuation.yield(dispatching)
                entrance.change { rules in
                    rules.tls = tls
                    rules.services = parts.services
                }
                certificate = CertificateFitness(settings, kept: data.certificates.kept)
                lastVault = vault
            } catch {
                await data.close()
                throw error
            }
        } catch let error as StoreError {
            throw GatewayProblem("\(settings.data): \(error.sentence)")
        } catch let problem as GatewayProblem {
            throw problem
        } catch {
            throw GatewayProblem("\(settings.data): it can't be opened.")
        }
    }

    private func parts(_ settings: PosternSettings, _ data: DataDirectory) throws -> GatewayParts {
        let doors = doors
        return try GatewayParts(
            settings: settings,
            data: data,
            shared: shared,
            listeners: { doors.places },
            identity: { [entrance] in entrance.identity },
            showCertificates: { [weak self] in await self?.showCertificates() }
        )
    }

    /// From the settings' files, and from the vault when it is open.
    private func listenerTLS(_ settings: PosternSettings, _ data: DataDirectory?) throws -> ListenerTLS? {
        try ServerCertificate.listenerTLS(settings, kept: data?.certificates.kept, time: shared.time)
    }

    /// Shows those who come from now on the certificates that the vault keeps now.
    private func showCertificates() {
        guard let data = opened?.data else { return }
        do {
            let tls = try listenerTLS(settings, data)
            entrance.change { $0.tls = tls }
            certificate = CertificateFitness(settings, kept: data.certificates.kept)
        } catch {
            // A file of the settings went bad meanwhile; a reload says so.
            shared.log(settings).error("the server's certificates could not be read; the old ones are shown on")
        }
    }

    private func unlock(_ secret: UnlockSecret) async -> ControlResponse {
        guard isLocked else { return .done("The gateway is open already.") }
        guard begin() else { return Self.busy }
        defer { isChanging = false }
        do {
            try await open(try VaultFile.unlock(in: settings.data, secret: try vaultSecret(secret)))
        } catch let error as VaultError {
            shared.observed.counters.add("unlocks refused")
            return .refused(error == .noPassphrase ? Self.noSecret : error.sentence)
        } catch let problem as GatewayProblem {
            return .refused(problem.sentence)
        } catch {
            return .refused("It could not be opened; `postern log` may tell why.")
        }
        shared.log(settings).notice("unlocked by the operator")
        shared.observed.alarms.clear(.lock)
        ServiceNotice.status(status).send()
        return .done("The gateway is open: mail is taken and sent again.")
    }

    private static let noSecret =
        "The settings name no passphrase file and there is no systemd credential `postern-vault`; give the passphrase to `postern unlock`."

    private func vaultSecret(_ secret: UnlockSecret) throws(VaultError) -> VaultSecret {
        switch secret {
        case .configured: try VaultOpening.secret(settings.vault, in: settings.data, mayAsk: false)
        case .passphrase(let bytes): .passphrase(try LockedBytes(copying: bytes))
        case .keyFile(let bytes): .keyFile(try LockedBytes(copying: bytes))
        }
    }

    private func lock() async -> ControlResponse {
        guard !isLocked else { return .done("The gateway is locked already.") }
        guard begin() else { return Self.busy }
        defer { isChanging = false }
        ServiceNotice.status("draining: sessions and deliveries end, then it is locked").send()
        // First nobody new; then those who are in, between two messages; then what goes out; then the files.
        let withoutVault = try? listenerTLS(settings, nil)
        entrance.change { rules in
            rules.services = nil
            rules.tls = withoutVault
        }
        await doors.endSessions()
        await endDeliveries()
        await closeFiles()
        ServiceNotice.status(status).send()
        shared.log(settings).notice("locked by the operator")
        guard await isForgotten() else {
            shared.observed.alarms.raise(.lock)
            return .refused("\(AlarmKind.lock.meaning) \(AlarmKind.lock.remedy)")
        }
        return .done(
            "The gateway is locked: keys are wiped from memory, mail is put off with 421, and nothing is lost. `postern unlock` opens it."
        )
    }

    private func endDeliveries() async {
        guard let opened else { return }
        for dispatching in opened.retired + [opened.dispatching] { await dispatching.end() }
    }

    /// Waits until the last holder has let go of the root key, whose memory is overwritten then.
    private func isForgotten() async -> Bool {
        for _ in 0..<500 {
            if lastVault == nil { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return lastVault == nil
    }

    // MARK: Reload

    /// Takes the settings file as it is now, or leaves everything as it was and says why.
    func reload() async -> ControlResponse {
        guard begin() else { return Self.busy }
        defer { isChanging = false }
        ServiceNotice.reloading.send()
        defer { ServiceNotice.ready(status: status).send() }
        do {
            let words = try await takeSettings()
            shared.observed.alarms.clear(.reload)
            shared.log(settings).notice("settings read again")
            return .done("The settings hold from now on\(words).")
        } catch {
            let sentence = "The settings were not taken, and the old ones hold on: \(error.sentence)"
            shared.observed.alarms.raise(.reload)
            shared.log(settings).error("settings were not taken; the old ones hold on")
            return .refused(sentence)
        }
    }

    private func takeSettings() async throws(GatewayProblem) -> String {
        guard let rereading else {
            throw GatewayProblem("in try-it mode there is no settings file; start the gateway with --config.")
        }
        let new = try rereading()
        if let sentence = FixedSettings.sentence(from: settings, to: new) { throw GatewayProblem(sentence) }
        let fitness = CertificateFitness(new, kept: opened?.data.certificates.kept)
        if let fitness, fitness.bytes != certificate?.bytes, let problem = fitness.problem(at: shared.time.calendar()) {
            throw GatewayProblem(problem)
        }
        let tls: ListenerTLS?
        let fresh: GatewayParts?
        do {
            tls = try listenerTLS(new, opened?.data)
            fresh = try opened.map { try parts(new, $0.data) }
        } catch {
            throw error as? GatewayProblem ?? GatewayProblem("what they ask for can't be made.")
        }
        let bound = try await doors.bind(new.listeners)
        // From here on nothing fails.
        settings = new
        certificate = fitness
        shared.follow(new)
        entrance.change { rules in
            rules.settings = new
            rules.tls = tls
            rules.services = fresh?.services
        }
        let change = doors.take(bound, for: new)
        if let fresh { await replace(fresh) }
        return change.words
    }

    /// New deliveries go by the new settings; those in flight end by the old ones.
    private func replace(_ fresh: GatewayParts) async {
        guard var next = opened else { return }
        let old = next.dispatching
        next.retired = next.retired.filter { !$0.isOver } + [old]
        next.parts = fresh
        next.dispatching = Dispatching(fresh)
        opened = next
        await old.retire()
        jobs.continuation.yield(next.dispatching)
    }

    private func begin() -> Bool {
        guard !isChanging else { return false }
        isChanging = true
        return true
    }

    private static let busy = ControlResponse.refused("Another change is under way; try again when it has ended.")
}

/// Settings that hold until the gateway is started anew.
enum FixedSettings {
    /// The sentence about the first that differs; nil when a reload can take all of `new`.
    static func sentence(from old: PosternSettings, to new: PosternSettings) -> String? {
        let changed: (key: String, because: String)? =
            if old.data != new.data {
                ("data", "the data directory is open")
            } else if old.control.socket != new.control.socket {
                ("control.socket", "the commands find the gateway there")
            } else if old.metrics.port != new.metrics.port {
                ("metrics.port", "it was bound at the start")
            } else if old.user != new.user {
                ("user", "root's rights are given up for good")
            } else {
                nil
            }
        guard let changed else { return nil }
        let line = new.positions.line(changed.key)
        let place = new.positions.file + (line > 0 ? ":\(line)" : "")
        return
            "\(place): \(changed.key): this can't change while the gateway runs, because \(changed.because); set it back, or restart the gateway."
    }
}
