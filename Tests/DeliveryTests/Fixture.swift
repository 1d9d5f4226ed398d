// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Delivery
import Foundation
import Mail
import NIOPosix
import Privacy
import SMTPTransport
import SMTPWire
import Settings
import Testing

/// What the delivery tests share: a delivery with short time-outs, and groups to send.
enum Fixture {
    static func options(port: Int = 25, _ change: (inout DeliveryOptions) -> Void = { _ in }) throws -> DeliveryOptions
    {
        var settings = DeliverySettings()
        settings.port = port
        var options = DeliveryOptions(hostname: try #require(Domain("gate.test")), settings: settings)
        options.addressRules.allowsLoopback = true
        // Long enough for a busy machine; a test that waits for a time-out sets its own.
        options.timeouts = ClientTimeouts().capped(at: .seconds(60))
        options.connectTimeout = .seconds(60)
        change(&options)
        return options
    }

    static func delivery(
        _ options: DeliveryOptions,
        resolver: any DNSResolving = FixedResolver(),
        root: String = "/nowhere",
        level: Int = 1,
        guidance: ChannelGuidance? = nil
    ) -> MailDelivery {
        let maildir = MaildirDelivery(root: root) { address in
            ["alice", "bob"].contains(address.localPart)
                ? address.localPart : address.localPart == "staff" ? "alice" : nil
        }
        return MailDelivery(
            options: options,
            maildir: maildir,
            resolver: resolver,
            guidance: guidance ?? ChannelGuidance(level: level),
            time: .system(),
            group: MultiThreadedEventLoopGroup.singleton
        )
    }

    /// In seconds since 1970.
    static var now: Int64 { Time.system().calendar().seconds }

    static let text = "From: a@ours.test\r\nSubject: hello\r\n\r\nHow are you?\r\n.dotted\r\n"

    static func group(
        _ hop: DeliveryHop,
        to recipients: [String] = ["bob@dest.test"],
        from: String? = "alice@ours.test",
        needs: ContentNeeds = ContentNeeds(),
        text: String = text
    ) throws -> DeliveryGroup {
        DeliveryGroup(
            hop: hop,
            reversePath: try from.map { .address(try #require(EmailAddress($0))) } ?? .null,
            recipients: try recipients.map { DeliveryGroup.Recipient(try #require(EmailAddress($0))) },
            content: MemorySource(Array(text.utf8)),
            needs: needs
        )
    }

    static func relay(_ port: Int, tls: NextHop.ChannelSecurity = .opportunistic) -> DeliveryHop {
        .relay(NextHop(endpoint: .tcp(host: "127.0.0.1", port: port), tls: tls))
    }

    static func lmtp(_ port: Int) -> DeliveryHop {
        .lmtp(NextHop(endpoint: .tcp(host: "127.0.0.1", port: port), tls: .off))
    }

    /// Starts a peer, delivers one group to it by relay, and gives both.
    static func relayed(
        _ script: Script,
        to recipients: [String] = ["bob@dest.test"],
        from: String? = "alice@ours.test",
        needs: ContentNeeds = ContentNeeds(),
        text: String = text,
        _ change: (inout DeliveryOptions) -> Void = { _ in }
    ) async throws -> (outcomes: [String], peer: ScriptedPeer.Record) {
        let peer = try await ScriptedPeer(script)
        let delivery = delivery(try options(change))
        let hop = script.isLMTP ? lmtp(peer.port) : relay(peer.port)
        let results = await delivery.deliver(try group(hop, to: recipients, from: from, needs: needs, text: text))
        await delivery.close()
        await peer.stop()
        return (results.map(\.outcome.short), peer.record)
    }
}

extension DeliveryOutcome {
    /// `deferred 4.4.2 connectionLost`: what a test compares.
    var short: String {
        switch self {
        case .delivered(let acceptance): "delivered" + (acceptance.relayedDSN ? " dsn" : "")
        case .deferred(let fault): "deferred \(statusText) \(fault.cause.rawValue)"
        case .failed(let fault): "failed \(statusText) \(fault.cause.rawValue)"
        }
    }
}
