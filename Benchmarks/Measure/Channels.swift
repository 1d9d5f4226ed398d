// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import DNSResolver
import Delivery
import Mail
import NIOPosix
import Privacy
import SMTPTransport
import Settings

/// Measures the decision about the channel to a mail host: the rules alone, the whole decision with all look-ups in memory, and with
/// look-ups that libunbound has in its cache or has to make.
struct Channels {
    let port: Int
    let anchors: String
    let domains: [Domain]

    /// Arguments: the port of a name server on 127.0.0.1, its trust anchors, and domains with MX and TLSA records there.
    init(_ arguments: [String]) throws {
        guard arguments.count > 2, let port = Int(arguments[0]) else { throw UsageError() }
        self.port = port
        anchors = arguments[1]
        domains = arguments.dropFirst(2).compactMap { Domain($0) }
    }

    func run() async throws {
        guard let domain = domains.first, let hostname = Domain("gateway.postern.test") else { throw UsageError() }
        let decision = ChannelCase(
            domain: domain.key,
            host: "mx." + domain.key,
            mx: .insecure,
            level: 1,
            dane: .notApplicable(.insecureMX),
            now: 0
        )
        try Measure.measure("channel.rules", 100_000) { _ = decision.decide() }
        var resolver = FixedResolver(security: .secure)
        resolver.mx(domain.key, (10, "mx." + domain.key))
        resolver.host("mx." + domain.key, "127.0.0.1")
        resolver.tlsa("_25._tcp.mx." + domain.key, (3, 1, 1, [UInt8](repeating: 1, count: 32)))
        let known = delivery(hostname, resolver)
        try await Measure.measure("channel.decision, answers in memory", 20_000) {
            _ = await known.explain(domain, connects: false)
        }
        let options = ResolverOptions(
            trustAnchor: .file(anchors),
            upstream: .root,
            stubs: domains.map { ResolverOptions.Stub(zone: $0.key, server: "127.0.0.1@\(port)") }
        )
        let unbound = delivery(hostname, CachingResolver(try UnboundResolver(options), time: .system()))
        var cold = 0.0
        for domain in domains {
            let began = ContinuousClock.now
            let found = await unbound.explain(domain, connects: false)
            cold += Measure.microseconds(since: began)
            guard found.mx?.security == .secure else { throw UsageError() }
        }
        Measure.report("channel.decision, cold", cold / Double(domains.count))
        try await Measure.measure("channel.decision, from cache", 20_000) {
            _ = await unbound.explain(domain, connects: false)
        }
    }

    private func delivery(_ hostname: Domain, _ resolver: any DNSResolving) -> MailDelivery {
        var settings = DeliverySettings()
        settings.port = 25
        var options = DeliveryOptions(hostname: hostname, settings: settings)
        options.addressRules.allowsLoopback = true
        return MailDelivery(
            options: options,
            maildir: MaildirDelivery(root: "/nowhere") { _ in nil },
            resolver: resolver,
            time: .system(),
            group: MultiThreadedEventLoopGroup.singleton
        )
    }
}
