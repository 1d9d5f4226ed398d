// SPDX-License-Identifier: Apache-2.0

import Accounts
import Control
import Privacy
import SMTPTransport
import SMTPWire
import ServiceLifecycle
import Settings
import Store

/// Looks every few seconds at what needs a person, and puts it on the board or takes it off.
struct AlarmWatch: Service {
    let settings: PosternSettings
    let queue: QueueStore
    let ledger: SendingLedger
    let keyring: TLSKeyring
    let observed: Observations
    let time: Time

    private static let interval = Duration.seconds(5)

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var state = WatchState(
                settings: settings,
                refused: observed.connections.refused,
                unproven: observed.counters.all[InboundProof.refusals] ?? 0
            )
            while true {
                await look(&state)
                try await time.sleep(for: Self.interval)
            }
        }
    }

    private func look(_ state: inout WatchState) async {
        let now = time.boot()
        let alarms = observed.alarms
        lookAtStore(&state, now)
        let totals = queue.totals()
        alarms.set(.setAside, totals.setAside > 0, "\(Self.copies(totals.setAside)) not open and set aside.")
        let quota = settings.protection
        let share = max(
            Double(totals.held) / Double(max(1, quota.holdMessages)),
            Double(totals.heldBytes) / Double(max(1, quota.holdBytes))
        )
        alarms.set(.heldQuota, state.held.observe(totals.held == 0 ? 0 : share))
        await lookAtQueue(&state)
        lookAtConnections(&state, now)
        lookAtClock(&state)
        lookAtProofs(&state, now)
        if let fitness = state.certificate.look(settings, keyring, now) {
            observed.alarms.set(fitness, at: time.calendar())
        }
        if !ledger.isAnyAtLimit(now: time.wall()) { alarms.clear(.accountLimit) }
    }

    private func lookAtStore(_ state: inout WatchState, _ now: BootTime) {
        let alarms = observed.alarms
        switch queue.health {
        case .ok: break
        case .full: state.full.note(at: now)
        case .failing: state.failing.note(at: now)
        }
        // A failure may be over with the next write; the alarm stays for a while, so that somebody sees it.
        alarms.set(.storeFull, queue.health == .full || state.full.isRecent(at: now, within: .seconds(60)))
        alarms.set(.storeFailing, state.failing.isRecent(at: now, within: .seconds(600)))
        let free = queue.freeBytes
        alarms.set(.diskLow, state.disk.observe(free), "The disk of the data directory has \(free >> 20) MiB left.")
    }

    private func lookAtQueue(_ state: inout WatchState) async {
        let age = (try? await queue.oldest(.ready)) ?? .zero
        let isOld = state.age.observe(age)
        observed.alarms.set(
            .queueAge,
            isOld,
            "Mail has waited for \(Self.hours(age)) without being delivered."
        )
        observed.hops.forget { !queue.hasCopies(for: $0) }
        let hops = observed.hops.report(withNames: false)
        let isLong = state.hop.observe(.seconds(hops.first?.seconds ?? 0))
        let many = hops.count == 1 ? "1 next hop" : "\(hops.count) next hops"
        observed.alarms.set(
            .nextHop,
            isLong,
            "\(many) can't be reached, the first of them for \(Self.hours(.seconds(hops.first?.seconds ?? 0)))."
        )
    }

    private func lookAtConnections(_ state: inout WatchState, _ now: BootTime) {
        let refused = observed.connections.refused
        let (inTotal, perClient) = (refused.inTotal - state.inTotal, refused.perClient - state.perClient)
        (state.inTotal, state.perClient) = (refused.inTotal, refused.perClient)
        if perClient > 0 { observed.counters.reached(limit: "connections_per_address", perClient) }
        if inTotal > 0 {
            observed.counters.reached(limit: "connections", inTotal)
            state.turnedAway.note(at: now)
        }
        observed.alarms.set(.connectionLimit, state.turnedAway.isRecent(at: now, within: .seconds(600)))
    }

    private func lookAtClock(_ state: inout WatchState) {
        let drift = time.calendar() - time.wall()
        let size = drift < .zero ? .zero - drift : drift
        let way = drift < .zero ? "back" : "ahead"
        observed.alarms.set(
            .clockJump,
            state.drift.observe(size),
            "The clock of this machine was set \(way) by \(Self.hours(size)) while the gateway ran."
        )
    }

    private func lookAtProofs(_ state: inout WatchState, _ now: BootTime) {
        let refused = observed.counters.all[InboundProof.refusals] ?? 0
        if refused > state.unproven { state.unprovenClient.note(at: now) }
        state.unproven = refused
        observed.alarms.set(.clientPin, state.unprovenClient.isRecent(at: now, within: .seconds(3600)))
    }

    private static func copies(_ number: Int) -> String { number == 1 ? "1 copy does" : "\(number) copies do" }

    static func hours(_ span: Duration) -> String {
        let seconds = span.components.seconds
        return switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) days"
        }
    }
}

/// What the watch remembers from one look to the next.
private struct WatchState {
    var disk = Hysteresis(raise: 4 * QueueStore.reserveBytes, clear: 5 * QueueStore.reserveBytes)
    var held = Hysteresis(raise: 0.9, clear: 0.75)
    var age: Hysteresis<Duration>
    var hop = Hysteresis<Duration>(raise: .seconds(900), clear: .zero)
    var drift = Hysteresis<Duration>(raise: .seconds(60), clear: .seconds(30))
    var full = LastTime()
    var failing = LastTime()
    var turnedAway = LastTime()
    var unprovenClient = LastTime()
    var unproven: Int
    var inTotal: Int
    var perClient: Int
    var certificate = CertificateGlance()

    /// - Parameter refused: what an earlier watch has told of.
    init(settings: PosternSettings, refused: ConnectionLimits.Refused, unproven: Int) {
        self.unproven = unproven
        (inTotal, perClient) = (refused.inTotal, refused.perClient)
        let late = settings.delivery.warnAfter
        age = Hysteresis(raise: late, clear: late * 3 / 4)
    }
}

/// The certificate's file, read once a minute, and the vault's certificates.
private struct CertificateGlance {
    private var read: BootTime?
    private var kept = KeptCertificates()
    private var fitness: CertificateFitness?

    mutating func look(_ settings: PosternSettings, _ keyring: TLSKeyring, _ now: BootTime) -> CertificateFitness? {
        let current = keyring.kept
        if current.live != kept.live || read.map({ now - $0 >= .seconds(60) }) ?? true {
            read = now
            kept = current
            fitness = CertificateFitness(settings, kept: kept) ?? fitness
        }
        return fitness
    }
}

extension AlarmBoard {
    /// What clients hold against the certificate, or soon will.
    func set(_ fitness: CertificateFitness, at now: WallTime) {
        let left = fitness.expires - now
        let days = left.components.seconds / 86_400
        set(.certificateExpired, left <= .zero)
        set(
            .certificateExpires,
            left > .zero && left <= .seconds(14 * 86_400),
            "The certificate of this server expires in \(days == 1 ? "1 day" : "\(days) days")."
        )
        set(.certificateName, !fitness.isForHost)
    }
}

/// When something happened last.
private struct LastTime {
    private var last: BootTime?

    mutating func note(at now: BootTime) { last = now }

    func isRecent(at now: BootTime, within span: Duration) -> Bool { last.map { now - $0 < span } ?? false }
}
