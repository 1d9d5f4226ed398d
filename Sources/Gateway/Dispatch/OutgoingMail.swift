// SPDX-License-Identifier: Apache-2.0

import Accounts
import ChannelRecords
import Commitment
import DNSResolver
import Delivery
import Dial
import Fetch
import Links
import Mail
import NIOCore
import Peers
import Privacy
import Settings
import Store

/// The way out: routes, delivery, and the questions to next hops about recipients.
struct OutgoingMail: Sendable {
    let routes: RouteTable
    let delivery: MailDelivery
    let verifier: RecipientVerifier
    /// Asks about MX hosts, and about the policies of authors' domains.
    let resolver: any DNSResolving
    /// Where mail was encrypted.
    let ratchet: RatchetRecords
    /// Policies of other domains, and reports.
    let keeping: ChannelKeeping
    /// The providers whose channel is pinned by their statements.
    let peers: PeerKeeper

    init(
        settings: PosternSettings,
        data: DataDirectory,
        alarms: AlarmBoard,
        group: any EventLoopGroup,
        time: Time,
        log: Log,
        identity: @escaping @Sendable () -> ClientIdentity? = { nil }
    ) throws {
        routes = RouteTable(settings.routes, filters: settings.filters)
        let options = DeliveryOptions(hostname: settings.hostname, settings: settings.delivery)
        let accounts = data.accounts
        let separator = settings.tagSeparator
        let maildir = MaildirDelivery(root: data.path + "/mail") { address in
            accounts.mailbox(address, tagSeparator: separator)?.text
        }
        let resolver = try Self.resolver(settings, time)
        self.resolver = resolver
        ratchet = RatchetRecords(records: data.records, time: time)
        let roots = try Self.roots(settings)
        keeping = ChannelKeeping(
            settings: settings,
            data: data,
            resolver: resolver,
            roots: roots,
            alarms: alarms,
            group: group,
            time: time,
            log: log
        )
        peers = PeerKeeper(
            book: data.peers,
            reader: StatementReader(worker: data.worker),
            fetching: StatementFetcher(fetching: keeping.fetcher),
            time: time
        ) { [queue = data.queue] domain in
            // A queue that can't be written has its own alarm; the mail then waits for its next try.
            _ = try? await queue.retryNow(nextHopHint: DeliveryHop.mx(domain).hint)
        }
        delivery = MailDelivery(
            options: options,
            maildir: maildir,
            resolver: resolver,
            guidance: ChannelGuidance(
                level: settings.level.rawValue,
                settings: settings.channel,
                policies: keeping.policies,
                peers: peers,
                ratchet: ratchet,
                reports: keeping.reports,
                links: LinkCheck(),
                roots: { roots.roots },
                identity: identity
            ),
            time: time,
            group: group
        )
        verifier = RecipientVerifier(
            delivery: delivery,
            memory: CallAheadMemory(records: data.records, time: time),
            time: time
        ) { _, hop in
            alarms.raise(
                .catchAll,
                "A next hop (\(Self.kind(hop))) accepts every recipient, so that mail for unknown ones would come back later."
            )
        }
    }

    /// The system's public authorities and those of `channel.ca_file`.
    private static func roots(_ settings: PosternSettings) throws -> PublicRoots {
        do {
            return try PublicRoots(extraFile: settings.channel.caFile)
        } catch {
            let line = settings.positions.line("channel.ca_file")
            throw GatewayProblem(
                "\(settings.positions.file):\(line): channel.ca_file: the file can't be read or holds no certificate; "
                    + "name a PEM file."
            )
        }
    }

    /// Without a route that asks for MX hosts the gateway starts without a resolver too: what is asked then fails.
    private static func resolver(_ settings: PosternSettings, _ time: Time) throws -> any DNSResolving {
        do {
            return CachingResolver(try UnboundResolver(ResolverOptions(settings.resolver)), time: time)
        } catch {
            guard settings.routes.contains(where: { $0.target == .mx }) || settings.resolver != ResolverSettings()
            else { return NoResolver() }
            throw GatewayProblem(
                "The resolver can't be set up from [resolver]; look at its servers and trust_anchor_file."
            )
        }
    }

    private static func kind(_ hop: DeliveryHop) -> String {
        switch hop {
        case .maildir: "maildir"
        case .lmtp: "lmtp"
        case .relay: "relay"
        case .mx: "mx"
        }
    }
}

/// Answers nothing.
private struct NoResolver: DNSResolving {
    func resolve(_ name: String, _ type: RecordType) async -> DNSAnswer { .failed }
}

/// Answers of next hops about recipients, sealed in the records.
struct CallAheadMemory: VerificationMemory {
    let records: RecordStore
    let time: Time

    func recall(_ key: String) async -> RememberedVerification? {
        guard let stored = try? await records.get(.callAhead, id: Array(key.utf8)), let code = stored.value.first else {
            return nil
        }
        return code == 0 ? .exists : .missing(code: 500 + Int(code) % 100)
    }

    func remember(_ key: String, _ answer: RememberedVerification, for span: Duration) async {
        let value: UInt8 =
            switch answer {
            case .exists: 0
            case .missing(let code): UInt8(clamping: 100 + code % 100)
            }
        // What can't be remembered is asked again.
        try? await records.put(kind: .callAhead, id: Array(key.utf8), value: [value], expires: time.wall() + span)
    }
}
