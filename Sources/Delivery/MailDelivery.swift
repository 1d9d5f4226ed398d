// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
package import DNSResolver
package import Mail
package import NIOCore
package import Privacy
import SMTPTransport
import SMTPWire

/// Hands copies to their next hops and says what became of each; never queues, never reports to senders.
///
/// Connections are kept for a few seconds and used again. One instance serves the whole gateway; ``run()`` runs beside it for as long.
package final class MailDelivery: Sendable {
    let options: DeliveryOptions
    private let maildir: MaildirDelivery
    let finder: MailHostFinder
    let survey: ChannelSurvey
    let guidance: ChannelGuidance
    let connector: HopConnector
    private let pool: ConnectionPool
    private let hops: ConcurrencyLimit
    private let hosts: ConcurrencyLimit
    let time: Time

    /// `ownNames`: further names under which this gateway appears in MX records, beside `options.hostname`.
    package init(
        options: DeliveryOptions,
        maildir: MaildirDelivery,
        resolver: any DNSResolving,
        ownNames: [Domain] = [],
        guidance: ChannelGuidance = ChannelGuidance(),
        time: Time,
        group: any EventLoopGroup
    ) {
        self.options = options
        self.maildir = maildir
        self.time = time
        self.finder = MailHostFinder(
            resolver: resolver,
            ownNames: ownNames + [options.hostname],
            rules: options.addressRules
        )
        self.guidance = guidance
        self.survey = ChannelSurvey(finder: finder, guidance: guidance, port: options.port, time: time)
        self.connector = HopConnector(
            options: options,
            dialer: HopDialer(options: options, identity: guidance.identity, group: group),
            slow: SlowHosts(time: time),
            guidance: guidance,
            time: time
        )
        self.pool = ConnectionPool(time: time, idleLimit: options.idleLimit, maxTransactions: options.maxTransactions)
        self.hops = ConcurrencyLimit(max(options.connectionsPerDomain, options.connectionsPerHost))
        self.hosts = ConcurrencyLimit(options.connectionsPerHost)
    }

    /// Closes connections that have waited long enough, until cancelled; then all of them.
    ///
    /// Run it once.
    package func run() async {
        while !Task.isCancelled {
            await pool.sweep()
            try? await time.sleep(for: .seconds(1))
        }
        await close()
    }

    /// Says goodbye on every connection that is not in use, and keeps none from now on.
    package func close() async { await pool.close() }

    /// Whether another group for this hop would have to wait for one that is under way.
    package func isBusy(_ hop: DeliveryHop) -> Bool { hops.isFull(hop.hint) }

    /// Makes one attempt for a group: one result for each recipient, in their order.
    ///
    /// Cancelling defers what is not done.
    package func deliver(_ group: DeliveryGroup) async -> [DeliveryResult] {
        if case .maildir = group.hop {
            return await withTaskExecutorPreference(globalConcurrentExecutor) { await maildir.deliver(group) }
        }
        let results = await hops.run(group.hop.hint) { () async -> [DeliveryResult] in
            var progress = Progress(group)
            if case .mx(let domain) = group.hop { return await deliver(&progress, toExchangesOf: domain) }
            if let peer = group.hop.peer { await attempt(&progress, peer) }
            return progress.results()
        }
        return results ?? Progress(group).results(open: .deferred(.init(.systemOther, .cancelled)))
    }

    // MARK: - MX

    private func deliver(_ progress: inout Progress, toExchangesOf domain: Domain) async -> [DeliveryResult] {
        async let sts = guidance.policies.facts(
            for: domain,
            now: time.calendar(),
            givingUp: progress.group.isLastTry
        )
        switch await finder.hosts(of: domain) {
        case .none(let outcome): return progress.results(open: outcome)
        case .hosts(let exchanges, let lookup):
            let facts = ChannelSurvey.DomainFacts(domain: domain, mx: lookup, sts: await sts)
            for exchange in exchanges {
                let goesOn = await attempt(&progress, exchange, facts)
                if !goesOn || progress.isDone || Task.isCancelled { break }
            }
            return progress.results(open: progress.lastFault == nil ? MailDelivery.noHost(exchanges, domain) : nil)
        }
    }

    /// No host had an address that may be used: for an implicit MX the domain just takes no mail (RFC 5321 §5.1).
    private static func noHost(_ exchanges: [MailExchange], _ domain: Domain) -> DeliveryOutcome {
        let isImplicit = exchanges.count == 1 && exchanges.first?.host == domain.key
        return .failed(.init(isImplicit ? .badDestinationSystem : .unableToRoute, .noUsableHost))
    }

    /// Returns whether another host of the domain may do.
    private func attempt(
        _ progress: inout Progress,
        _ exchange: MailExchange,
        _ facts: ChannelSurvey.DomainFacts
    ) async -> Bool {
        let waiting = progress
        let after = await hosts.run(exchange.host) { () async -> (Progress, Bool) in
            var progress = waiting
            switch await survey.survey(exchange, of: facts, wish: progress.group.wish) {
            case .host(let host):
                let goesOn = await attempt(&progress, host)
                guard await hasNewPins(host, facts.domain, progress),
                    case .host(let anew) = await survey.survey(exchange, of: facts, wish: progress.group.wish)
                else { return (progress, goesOn) }
                return (progress, await attempt(&progress, anew))
            case .noAddress: break
            case .unknown(let cause):
                progress.note(ConversationFault(.init(.directoryFailure, cause, host: Sensitive(exchange.host))))
            }
            return (progress, true)
        }
        guard let after else { return false }
        progress = after.0
        return after.1
    }

    /// Returns whether another host of the domain may do.
    private func attempt(_ progress: inout Progress, _ host: SurveyedHost) async -> Bool {
        if let report = host.decision.report { guidance.reports.count(report) }
        switch host.decision.verdict {
        case .connect(let channel):
            await attempt(
                &progress,
                Peer(mailExchange: host.host, addresses: host.addresses, port: options.port, channel: channel)
            )
            return true
        case .skipHost(let fault):
            progress.note(ConversationFault(fault, host: Sensitive(host.host)))
            return true
        case .deferDelivery(let fault):
            progress.note(ConversationFault(fault, host: Sensitive(host.host)))
            return false
        }
    }

    /// Whether the host, which showed none of its pins, has others meanwhile: the peer's statement is looked at again.
    private func hasNewPins(_ host: SurveyedHost, _ domain: Domain, _ progress: Progress) async -> Bool {
        guard !progress.isDone, progress.lastFault?.fault.channel?.rule == .pins,
            case .connect(let channel) = host.decision.verdict, case .proven(.pins(let demanded)) = channel.demand
        else { return false }
        await guidance.peers.mismatch(domain: domain)
        return guidance.pins(domain: domain.key, host: host.host) != demanded
    }

    // MARK: - One peer

    /// Sends to this peer until every recipient has its outcome, or the peer does not go on.
    private func attempt(_ progress: inout Progress, _ peer: Peer) async {
        while !progress.isDone {
            let ready: ReadyConnection
            do throws(ConversationFault) {
                ready = try await connection(to: peer)
            } catch {
                progress.note(error)
                return
            }
            guard await transact(&progress, on: ready) else { return }
        }
    }

    /// A connection from the pool, else a new one.
    func connection(to peer: Peer) async throws(ConversationFault) -> ReadyConnection {
        if let ready = pool.take(peer.key) { return try judged(ready, peer) }
        // Opening reads certificates and secrets, which is no work for an event loop.
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { () async throws(ConversationFault) in
            try await connector.open(peer)
        }
    }

    /// A connection from the pool met the same demand; what else the message wants is judged anew.
    private func judged(_ ready: ReadyConnection, _ peer: Peer) throws(ConversationFault) -> ReadyConnection {
        guard case .required(let channel) = peer.channel, let event = ready.event else { return ready }
        switch channel.judge(event, host: peer.name).action {
        case .proceed(let record):
            var ready = ready
            ready.record = record
            return ready
        case .nextHost(let fault):
            pool.give(ready)
            throw ConversationFault(fault, host: ready.host)
        case .retryInClear:
            pool.retire(ready.connection)
            throw ConversationFault(ChannelFault(channel.rule, .proofMissing), host: ready.host)
        }
    }

    /// Ends the use of a connection.
    func release(_ ready: ReadyConnection, isUsable: Bool) {
        if isUsable { pool.give(ready) } else { ready.connection.close() }
    }

    /// One transaction.
    ///
    /// Returns whether to go on with this peer.
    private func transact(_ progress: inout Progress, on ready: ReadyConnection) async -> Bool {
        var ready = ready
        let batch = progress.nextBatch(
            for: ready.extensions,
            host: ready.host,
            limit: options.maxRecipients,
            keepsTLS: ready.keepsTLS
        )
        guard !batch.isEmpty else {
            release(ready, isUsable: true)
            return true
        }
        let saysRequireTLS = progress.group.wish.isRequired && ready.carriesRequireTLS
        let envelope = progress.envelope(for: batch, server: ready.extensions, saysRequireTLS: saysRequireTLS)
        let result = await ready.connection.send(envelope, content: progress.group.content)
        ready.carried += 1
        release(ready, isUsable: result.isConnectionUsable)
        let reading = TransactionReading(
            result,
            isReused: ready.isReused,
            relaysDSN: ready.extensions.dsn,
            host: ready.host
        )
        var goesOn = true
        for (index, recipient) in zip(batch, result.recipients) {
            switch reading.step(recipient) {
            case .settled(let outcome): progress.settle([index], outcome)
            case .again, .reconnect: break
            case .nextHost(let fault):
                progress.note(fault)
                goesOn = false
            }
        }
        if result.recipients.contains(where: \.isAccepted) { await learn(progress.group.hop, ready) }
        return goesOn
    }

    /// Mail went to the host inside TLS, so it must again.
    private func learn(_ hop: DeliveryHop, _ ready: ReadyConnection) async {
        guard case .mx(let domain) = hop, let record = ready.record, record.isEncrypted else { return }
        let host = ready.host.exposed
        let known = await guidance.ratchet.entry(domain: domain.key, host: host)
        let now = time.calendar().seconds
        guard let entry = RatchetEntry.learned(known, domain: domain.key, host: host, now: now) else { return }
        await guidance.ratchet.learn(entry)
    }
}
