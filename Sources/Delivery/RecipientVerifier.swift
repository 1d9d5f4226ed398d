// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy
import SMTPTransport
import SMTPWire
package import Settings

/// Asks the next hop of an `lmtp` or `relay` route whether a recipient exists, with the null sender and without sending anything.
///
/// A yes is remembered for two hours, a no for five minutes. After the first yes for a domain a random address is asked for too: a next hop
/// that accepts that one says yes to everything, and its answers prove nothing; that is reported, once a day.
package struct RecipientVerifier: Sendable {
    /// Called when a next hop turns out to accept everybody in a domain.
    package typealias Report = @Sendable (Domain, DeliveryHop) -> Void

    private let delivery: MailDelivery
    private let memory: any VerificationMemory
    private let time: Time
    private let timeout: Duration
    private let acceptsEverybody: Report
    /// Call-aheads have places of their own, so that they do not wait behind deliveries.
    private let conversations = ConcurrencyLimit(8)

    package init(
        delivery: MailDelivery,
        memory: any VerificationMemory,
        time: Time,
        timeout: Duration = .seconds(30),
        acceptsEverybody: @escaping Report = { _, _ in }
    ) {
        self.delivery = delivery
        self.memory = memory
        self.time = time
        self.timeout = timeout
        self.acceptsEverybody = acceptsEverybody
    }

    static let keepYes = Duration.seconds(2 * 3600)
    static let keepNo = Duration.seconds(5 * 60)
    static let keepProbe = Duration.seconds(24 * 3600)

    /// Whether the next hop of this route takes mail for the recipient.
    ///
    /// `maildir` and `mx` routes have nobody to ask and give ``Verification/unknown``.
    package func verify(_ recipient: EmailAddress, route: Route) async -> Verification {
        await verify(recipient, at: DeliveryHop(route, for: recipient.domain))
    }

    /// Whether this next hop takes mail for the recipient.
    ///
    /// - Parameter probes: whether to find out if it says yes to everything. Who hands mail on while the client waits need not know.
    package func verify(_ recipient: EmailAddress, at hop: DeliveryHop, probes: Bool = true) async -> Verification {
        guard let peer = hop.peer else { return .unknown }
        let key = "rcpt " + hop.hint + " " + recipient.lookupKey
        switch await memory.recall(key) {
        case .exists: return .accepted
        case .missing(let code): return .rejected(RemoteReply(code: code))
        case nil: break
        }
        let answer = await withTimeLimit { await ask(recipient, peer) }
        switch answer {
        case .accepted:
            await memory.remember(key, .exists, for: RecipientVerifier.keepYes)
            if probes { await probeDomain(recipient.domain, hop, peer) }
        case .rejected(let reply):
            await memory.remember(key, .missing(code: reply.code), for: RecipientVerifier.keepNo)
        case .unknown: break
        }
        return answer
    }

    /// Asks for an address that nobody has.
    private func probeDomain(_ domain: Domain, _ hop: DeliveryHop, _ peer: Peer) async {
        let key = "probe " + hop.hint + " " + domain.key
        guard await memory.recall(key) == nil else { return }
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        let name = "p" + String((0..<24).compactMap { _ in letters.randomElement() })
        guard let address = EmailAddress(localPart: name, domain: domain) else { return }
        switch await withTimeLimit({ await ask(address, peer) }) {
        case .accepted:
            await memory.remember(key, .exists, for: RecipientVerifier.keepProbe)
            acceptsEverybody(domain, hop)
        case .rejected(let reply):
            await memory.remember(key, .missing(code: reply.code), for: RecipientVerifier.keepProbe)
        case .unknown: break
        }
    }

    private func ask(_ recipient: EmailAddress, _ peer: Peer) async -> Verification {
        await conversations.run(peer.key.server) { await converse(recipient, peer) } ?? .unknown
    }

    /// One conversation.
    ///
    /// A stale connection from the pool is given up for a new one, once.
    private func converse(_ recipient: EmailAddress, _ peer: Peer) async -> Verification {
        for _ in 0..<2 {
            guard let ready = try? await delivery.connection(to: peer) else { return .unknown }
            let plain = ServerFit.envelopeForm(recipient)
            guard let address = plain ?? (ready.extensions.smtpUTF8 ? recipient : nil) else {
                delivery.release(ready, isUsable: true)
                return .unknown
            }
            do throws(ClientError) {
                let reply = try await ready.connection.probe(address)
                delivery.release(ready, isUsable: reply.code != 421)
                if reply.isSuccess { return .accepted }
                if reply.isPermanentFailure && reply.code != 552 { return .rejected(reply) }
                if reply.code == 421 && ready.isReused { continue }
                return .unknown
            } catch {
                delivery.release(ready, isUsable: false)
                guard ready.isReused else { return .unknown }
            }
        }
        return .unknown
    }

    private func withTimeLimit(_ body: @escaping @Sendable () async -> Verification) async -> Verification {
        let time = time
        let timeout = timeout
        return await withTaskGroup(of: Verification?.self) { group in
            group.addTask { await body() }
            group.addTask {
                try? await time.sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? .unknown
        }
    }
}
