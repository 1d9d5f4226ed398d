// SPDX-License-Identifier: Apache-2.0

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
    private let options: DeliveryOptions
    private let maildir: MaildirDelivery
    private let finder: MailHostFinder
    private let connector: HopConnector
    private let pool: ConnectionPool
    private let hops: ConcurrencyLimit
    private let hosts: ConcurrencyLimit
    private let time: Time

    /// `ownNames`: further names under which this gateway appears in MX records, beside `options.hostname`.
    package init(
        options: DeliveryOptions,
        maildir: MaildirDelivery,
        resolver: any DNSResolving,
        ownNames: [Domain] = [],
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
        self.connector = HopConnector(
            options: options,
            dialer: HopDialer(options: options, group: group),
            slow: SlowHosts(time: time)
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
        switch await finder.hosts(of: domain) {
        case .none(let outcome): return progress.results(open: outcome)
        case .hosts(let exchanges):
            for exchange in exchanges {
                await attempt(&progress, exchange)
                if progress.isDone || Task.isCancelled { break }
            }
            return progress.results(open: progress.lastFault == nil ? MailDelivery.noHost(exchanges, domain) : nil)
        }
    }

    /// No host had an address that may be used: for an implicit MX the domain just takes no mail (RFC 5321 §5.1).
    private static func noHost(_ exchanges: [MailExchange], _ domain: Domain) -> DeliveryOutcome {
        let isImplicit = exchanges.count == 1 && exchanges.first?.host == domain.key
        return .failed(.init(isImplicit ? .badDestinationSystem : .unableToRoute, .noUsableHost))
    }

    private func attempt(_ progress: inout Progress, _ exchange: MailExchange) async {
        let waiting = progress
        let after = await hosts.run(exchange.host) { () async -> Progress in
            var progress = waiting
            switch await finder.addresses(of: exchange.host) {
            case .addresses(let addresses):
                await attempt(
                    &progress,
                    Peer(mailExchange: exchange.host, addresses: addresses, port: options.port)
                )
            case .none: break
            case .unknown(let cause):
                progress.lastFault = ConversationFault(.init(.directoryFailure, cause, host: Sensitive(exchange.host)))
            }
            return progress
        }
        if let after { progress = after }
    }

    // MARK: - One peer

    /// Sends to this peer until every recipient has its outcome, or the peer does not go on.
    private func attempt(_ progress: inout Progress, _ peer: Peer) async {
        while !progress.isDone {
            let ready: ReadyConnection
            do throws(ConversationFault) {
                ready = try await connection(to: peer)
            } catch {
                progress.lastFault = error
                return
            }
            guard await transact(&progress, on: ready) else { return }
        }
    }

    /// A connection from the pool, else a new one.
    func connection(to peer: Peer) async throws(ConversationFault) -> ReadyConnection {
        if let ready = pool.take(peer.key) { return ready }
        // Opening reads certificates and secrets, which is no work for an event loop.
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { () async throws(ConversationFault) in
            try await connector.open(peer)
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
        let batch = progress.nextBatch(for: ready.extensions, host: ready.host, limit: options.maxRecipients)
        guard !batch.isEmpty else {
            release(ready, isUsable: true)
            return true
        }
        let envelope = progress.envelope(for: batch, server: ready.extensions)
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
                progress.lastFault = fault
                goesOn = false
            }
        }
        return goesOn
    }
}
