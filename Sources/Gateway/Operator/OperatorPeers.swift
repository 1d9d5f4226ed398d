// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Commitment
import Control
import Mail
import Peers
import Privacy
import Settings

extension Operator {
    func listPeers() -> ControlResponse {
        let lost = data.peers.lost.map { domain in
            var summary = PeerSummary(state: "lost", domain: domain)
            summary.reasons = [
                "Its record does not open any more, so that mail for it waits: remove it, and add it again."
            ]
            return summary
        }
        return .peers((data.peers.all.map(summary) + lost).sorted { $0.domain < $1.domain })
    }

    func addPeer(_ text: String, _ key: String) async throws -> ControlResponse {
        let domain = try Self.domain(text)
        guard let fingerprint = KeyFingerprint(key) else {
            throw Refused("\(key) is no fingerprint of a version 4 key; give its 40 hexadecimal digits.")
        }
        guard !settings.isOwn(domain) else {
            throw Refused("\(domain.key) is a domain of this gateway; a peer is somebody else's.")
        }
        let keeper = try running().peers
        let record: PeerRecord
        do throws(PeerKeeper.Refusal) {
            record = try await keeper.add(domain, key: fingerprint)
        } catch {
            switch error {
            case .known: throw Refused("\(domain.key) is a peer already; `postern peers remove` comes first.")
            case .store(let error): throw error
            case .statement(let fault):
                throw Refused("\(domain.key) was not added. \(fault.sentence)")
            }
        }
        return .peers([summary(record)])
    }

    func refreshPeers(_ text: String?) async throws -> ControlResponse {
        let keeper = try running().peers
        let domains = try text.map { [try Self.domain($0).key] } ?? data.peers.all.map(\.life.domain)
        var refreshed: [PeerSummary] = []
        for domain in domains {
            guard let record = try await keeper.refresh(domain) else { throw Self.noPeer(domain) }
            refreshed.append(summary(record))
        }
        return .peers(refreshed)
    }

    func removePeer(_ text: String) async throws -> ControlResponse {
        let domain = try Self.domain(text)
        let isRemoved =
            if let live { try await live.peers.remove(domain.key) } else { try await removeFromFiles(domain.key) }
        guard isRemoved else { throw Self.noPeer(domain.key) }
        await live?.recordsChanged()
        return .done("\(domain.key) is no peer any more: its pins are required no longer.")
    }

    private func removeFromFiles(_ domain: String) async throws -> Bool {
        guard data.peers.has(domain) else { return false }
        try await data.peers.remove(domain)
        return true
    }

    /// The payload of the next statement, whose serial is kept before anybody sees it.
    func makeStatement(_ wishes: StatementWishes) async throws -> ControlResponse {
        let pins = data.certificates.currentAndNextPins(settings)
        guard !pins.current.isEmpty else {
            throw Refused(
                "There is no TLS certificate that lasts, so there is no pin to state; `postern tls import` one, or set tls.certificate, first."
            )
        }
        let domain = try wishes.domain.map(Self.domain) ?? ownDomain()
        guard settings.isOwn(domain) else {
            throw Refused("\(domain.key) is no domain of this gateway; `accept` names those.")
        }
        let nextKey = try wishes.nextKey.map { text in
            guard let key = KeyFingerprint(text) else {
                throw Refused("\(text) is no fingerprint of a version 4 key; give its 40 hexadecimal digits.")
            }
            return key
        }
        let mailHosts = try wishes.mailHosts.map(Self.domain)
        let more = (current: try wishes.pins.map(Self.pin), next: try wishes.nextPins.map(Self.pin))
        let own = OwnStatements(records: data.records)
        let last = try await own.last(for: domain.key)?.serial
        let now = time.wall().seconds
        let statement: CommitmentStatement
        do throws(StatementFault) {
            statement = try CommitmentStatement(
                domain: domain,
                level: settings.level.rawValue,
                mailHosts: mailHosts.isEmpty ? [settings.hostname] : mailHosts,
                pins: pins.current + more.current,
                nextPins: pins.next + more.next,
                onion: wishes.onion,
                serial: CommitmentStatement.serial(after: last, now: now),
                issued: now,
                expires: now + Int64(wishes.days) * 86_400,
                nextKey: nextKey
            )
        } catch {
            throw Refused(error.sentence)
        }
        try await own.keep(statement)
        try await data.certificates.noteStatement(pins.current + pins.next, now: time.wall())
        return .exported(String(decoding: statement.payload, as: UTF8.self))
    }

    private func ownDomain() throws(Refused) -> Domain {
        guard let domain = settings.accept.first, settings.accept.count == 1 else {
            throw Refused("Say with --domain for which domain: `accept` names \(settings.accept.count).")
        }
        return domain
    }

    private static func domain(_ text: String) throws(Refused) -> Domain {
        if let domain = Domain(text) { return domain }
        throw Refused("\(text) is no domain name.")
    }

    private static func pin(_ text: String) throws(Refused) -> Pin {
        if let pin = Pin(text), pin.kind == .publicKey { return pin }
        throw Refused("\(text) is no pin of a key; write spki: and 64 hexadecimal digits.")
    }

    private static func noPeer(_ domain: String) -> Refused {
        Refused("\(domain) is no peer; `postern peers list` shows all.")
    }

    private func summary(_ record: PeerRecord) -> PeerSummary {
        let life = record.life
        let statement = life.statement
        let now = time.wall().seconds
        let (state, reason) = condition(life, now)
        var summary = PeerSummary(state: state, domain: life.domain)
        summary.key = life.key.text
        summary.nextKey = life.announced?.key.text
        summary.nextKeyFrom = life.announced.map { Int($0.counts) }
        summary.level = statement.level
        summary.mailHosts = statement.mailHosts
        summary.pins = statement.pins.map(\.text)
        summary.nextPins = statement.nextPins.map(\.text)
        summary.onion = statement.onion
        summary.serial = Int(statement.serial)
        summary.issued = Int(statement.issued)
        summary.expires = Int(statement.expires)
        summary.lastLook = Int(record.lastLook)
        summary.lastAccepted = Int(record.lastAccepted)
        summary.nextLook = life.revokedSince == nil ? Int(record.nextLook) : nil
        summary.reasons = [reason].compactMap { $0 }
        if life.revokedSince == nil, let trouble = record.trouble { summary.reasons.append(trouble.sentence) }
        return summary
    }

    private func condition(_ life: PeerLife, _ now: Int64) -> (state: String, reason: String?) {
        if life.revokedSince != nil { return ("revoked", StatementFault.revoked.sentence) }
        let day = CivilTime.text(life.statement.expires)
        if life.isExpired(at: now) {
            return ("expired", "The last statement that was accepted expired on \(day); its pins stay required.")
        }
        guard life.isNearEnd(at: now) else { return ("current", nil) }
        return ("ending", "The last statement that was accepted expires on \(day), and no newer one is served.")
    }
}
