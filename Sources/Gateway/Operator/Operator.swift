// SPDX-License-Identifier: Apache-2.0

import ChannelRecords
package import Control
import Delivery
import Keyring
import Mail
import NIOPosix
package import Privacy
package import Settings
import Store
import Vault

/// Answers everything that an operator may ask, for the running gateway and for the command line when none runs.
package struct Operator: Sendable {
    let data: DataDirectory
    let settings: PosternSettings
    let time: Time
    /// Nil when no gateway runs.
    let live: (any LiveGateway)?
    /// The way out of the running gateway; nil when none runs.
    private let wayOut: OutgoingMail?

    /// For the command line when no gateway runs.
    package init(data: DataDirectory, settings: PosternSettings, time: Time) {
        self.init(data: data, settings: settings, time: time, live: nil, outgoing: nil)
    }

    init(
        data: DataDirectory,
        settings: PosternSettings,
        time: Time,
        live: (any LiveGateway)?,
        outgoing: OutgoingMail?
    ) {
        self.data = data
        self.settings = settings
        self.time = time
        self.live = live
        self.wayOut = outgoing
    }

    /// The way out; made for the question when no gateway runs.
    private func outgoing() throws -> OutgoingMail {
        if let wayOut { return wayOut }
        return try OutgoingMail(
            settings: settings,
            data: data,
            alarms: AlarmBoard(time: time),
            group: MultiThreadedEventLoopGroup.singleton,
            time: time,
            log: .none
        )
    }

    /// The answer; what went wrong is a ``ControlResponse/refused(_:)`` with a sentence.
    package func answer(_ request: ControlRequest) async -> ControlResponse {
        do {
            return try await decide(request)
        } catch let refusal as Refused {
            return .refused(refusal.sentence)
        } catch let error as StoreError {
            return .refused(error.sentence)
        } catch {
            return .refused("It could not be done; `postern log` may tell why.")
        }
    }

    /// Why a request was not done.
    struct Refused: Error {
        let sentence: String

        init(_ sentence: String) { self.sentence = sentence }
    }

    private func decide(_ request: ControlRequest) async throws -> ControlResponse {
        switch request {
        case .status, .metrics, .troubledHops, .log, .stop, .reload, .lock, .unlock: try await askLive(request)
        case .tlsReports(let withDomains): try await tlsReports(withDomains: withDomains)
        case .vaultStatus: try vaultStatus()
        case .explain(let address, let connects): try await explain(address, connects: connects)
        case .listRatchet: .ratchet(try await outgoing().ratchet.summaries())
        case .forgetRatchet(let domain, let host): try await forgetRatchet(domain, host)
        case .importKey(let certificate): try await importKey(certificate)
        case .listKeys: .keys(try await summaries(data.keyring.list()))
        case .showKey(let selector): .keys(try await summaries(keys(selector)))
        case .removeKey(let selector): try await removeKey(selector)
        case .exportKey(let selector): try await exportKey(selector)
        case .listUsers: listUsers()
        case .addUser, .changePassword, .removeUser, .changeSendAs, .setLimit, .addAlias, .removeAlias, .setForward:
            try await changeUsers(request)
        case .importChain, .listCertificates, .nextServerKey, .removeCertificate, .declarePins:
            try await certificates(request)
        case .trace(let id): try await trace(id)
        case .listQueue(let filter): .queue(try await waiting(filter))
        case .showQueued(let id, let withAddresses): try await show(id, withAddresses: withAddresses)
        case .countQueue(let filter): try await count(filter)
        case .act(let action, let ids): try await act(action, ids)
        case .actOnAll(let action, let filter): try await actOnAll(action, filter)
        case .listDiscarded: try await discarded()
        case .readDiscarded(let id): try await readDiscarded(id)
        case .listPeers: listPeers()
        case .addPeer(let domain, let key): try await addPeer(domain, key)
        case .refreshPeers(let domain): try await refreshPeers(domain)
        case .removePeer(let domain): try await removePeer(domain)
        case .makeStatement(let wishes): try await makeStatement(wishes)
        }
    }

    private func askLive(_ request: ControlRequest) async throws -> ControlResponse {
        let live = try running()
        switch request {
        case .status: return .status(await live.status())
        case .metrics: return .exported(MetricsText.text(await live.status()))
        case .troubledHops(let withNames): return .troubledHops(live.troubledHops(withNames: withNames))
        case .log(let number): return .log(live.logLines(after: number))
        case .stop:
            await live.stop()
            return .done("The gateway is stopping.")
        default: throw Refused("This is no question for the running gateway.")
        }
    }

    /// The gateway that runs; refused when none does.
    func running() throws(Refused) -> any LiveGateway {
        if let live { return live }
        throw Refused("No gateway is running for \(data.path); start it with `postern up`.")
    }

    private func vaultStatus() throws -> ControlResponse {
        do {
            let status = try VaultFile.status(in: data.path)
            return .vault(VaultReport(locked: false, slots: status.slots.map(\.words)))
        } catch {
            throw Refused(error.sentence)
        }
    }

    private func explain(_ text: String, connects: Bool) async throws -> ControlResponse {
        let address = try Self.address(text)
        let rules = OperatorExplanation(data: data, settings: settings, now: time.wall())
        var explanation = try await rules.explain(address)
        if settings.route(for: address.domain)?.target == .mx {
            let channel = try await outgoing().delivery.explain(address.domain, connects: connects)
            explanation.channel = ChannelReport(channel)
        }
        return .explanation(explanation)
    }

    private func forgetRatchet(_ domain: String, _ host: String?) async throws -> ControlResponse {
        guard let name = Domain(domain) else { throw Refused("\(domain) is no domain; write it as example.org.") }
        let count = try await outgoing().ratchet.forget(domain: name.key, host: host?.lowercased())
        guard count > 0 else {
            throw Refused("Nothing is known of mail for it; `postern ratchet list` shows all that is.")
        }
        return .done(
            "Forgotten: mail may go to \(count == 1 ? "that host" : "those \(count) hosts") as the other rules say."
        )
    }

    /// An address that an operator wrote.
    static func address(_ text: String) throws(Refused) -> EmailAddress {
        if let address = EmailAddress(text) { return address }
        throw Refused("\(text.isEmpty ? "An empty text" : text) is no mail address; write it as name@example.org.")
    }
}
