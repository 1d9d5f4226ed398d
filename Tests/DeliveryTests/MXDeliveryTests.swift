// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail
import SMTPWire
import Settings
import Testing

@testable import Delivery

@Suite("Delivery to a domain's MX hosts")
struct MXDeliveryTests {
    private func deliver(
        port: Int,
        _ resolver: FixedResolver,
        domain: String = "dest.test",
        level: Int = 1,
        _ change: (inout DeliveryOptions) -> Void = { _ in }
    ) async throws -> [String] {
        let delivery = Fixture.delivery(try Fixture.options(port: port, change), resolver: resolver, level: level)
        let hop = DeliveryHop.mx(try #require(Domain(domain)))
        let results = await delivery.deliver(try Fixture.group(hop, to: ["bob@" + domain]))
        await delivery.close()
        return results.map(\.outcome.short)
    }

    @Test("the best host gets the mail")
    func best() async throws {
        let first = try await ScriptedPeer(host: "127.0.0.1")
        let second = try await ScriptedPeer(host: "127.0.0.2", port: first.port)
        var resolver = FixedResolver()
        resolver.mx("dest.test", (20, "two.dest.test"), (10, "one.dest.test"))
        resolver.host("one.dest.test", "127.0.0.2")
        resolver.host("two.dest.test", "127.0.0.1")
        #expect(try await deliver(port: first.port, resolver) == ["delivered dsn"])
        #expect(second.taken.count == 1)
        #expect(first.connections == 0)
        await first.stop()
        await second.stop()
    }

    @Test(
        "when a host is down, busy, breaks off or has no address, the next one gets the mail",
        arguments: ["down", "busy", "breaks", "noAddress", "dnsFails"]
    )
    func fallsBack(_ kind: String) async throws {
        var script = Script()
        if kind == "busy" { script.greeting = .say("421 4.3.2 busy") }
        if kind == "breaks" { script.answers = ["MAIL": .hangUp] }
        let first = try await ScriptedPeer(script, host: "127.0.0.3")
        let second = try await ScriptedPeer(host: "127.0.0.4", port: first.port)
        if kind == "down" { await first.stop() }
        var resolver = FixedResolver()
        resolver.mx("dest.test", (10, "one.dest.test"), (20, "two.dest.test"))
        if kind == "dnsFails" {
            resolver.put("one.dest.test", .a, .failed)
            resolver.put("one.dest.test", .aaaa, .failed)
        } else if kind != "noAddress" {
            resolver.host("one.dest.test", "127.0.0.3")
        }
        resolver.host("two.dest.test", "127.0.0.4")
        #expect(try await deliver(port: first.port, resolver) == ["delivered dsn"])
        #expect(second.taken.count == 1)
        await first.stop()
        await second.stop()
    }

    @Test("a second address of a host is tried, of either family, and a refused message is not offered elsewhere")
    func addresses() async throws {
        var refusing = Script()
        refusing.answers = ["RCPT": .say("550 5.1.1 unknown")]
        let peer = try await ScriptedPeer(refusing, host: "127.0.0.5")
        let other = try await ScriptedPeer(host: "127.0.0.6", port: peer.port)
        var resolver = FixedResolver()
        resolver.mx("dest.test", (10, "one.dest.test"), (20, "two.dest.test"))
        resolver.host("one.dest.test", "::1", "127.0.0.5")
        resolver.host("two.dest.test", "127.0.0.6")
        #expect(try await deliver(port: peer.port, resolver) == ["failed 5.1.1 refusedByHost"])
        #expect(other.connections == 0)
        await peer.stop()
        await other.stop()
    }

    @Test("without MX records the domain's own address is used, and a CNAME leads on")
    func implicit() async throws {
        let peer = try await ScriptedPeer(host: "127.0.0.1")
        var resolver = FixedResolver()
        resolver.put("dest.test", .mx, DNSAnswer(security: .insecure, canonicalName: "real.test"))
        resolver.host("real.test", "127.0.0.1")
        #expect(try await deliver(port: peer.port, resolver) == ["delivered dsn"])
        await peer.stop()
    }

    @Test("what the DNS says decides without any connection")
    func dnsOutcomes() async throws {
        var rows: [(String, FixedResolver, String)] = []
        rows.append(("nxdomain", FixedResolver(), "failed 5.1.2 noSuchDomain"))
        var null = FixedResolver()
        null.mx("dest.test", (0, ""))
        rows.append(("null", null, "failed 5.1.10 nullMX"))
        var failing = FixedResolver()
        failing.put("dest.test", .mx, .failed)
        rows.append(("servfail", failing, "deferred 4.4.3 nameServiceFailed"))
        var bogus = FixedResolver()
        bogus.put("dest.test", .mx, DNSAnswer(security: .bogus))
        rows.append(("bogus", bogus, "deferred 4.4.3 bogusDNS"))
        var loop = FixedResolver()
        loop.mx("dest.test", (10, "gate.test"), (20, "other.test"))
        rows.append(("loop", loop, "failed 5.4.6 routingLoop"))
        var nowhere = FixedResolver()
        nowhere.mx("dest.test", (10, "one.dest.test"))
        rows.append(("no address", nowhere, "failed 5.4.4 noUsableHost"))
        var bogusHost = nowhere
        bogusHost.put("one.dest.test", .a, DNSAnswer(security: .bogus))
        rows.append(("bogus address", bogusHost, "deferred 4.4.3 bogusDNS"))
        var empty = FixedResolver()
        empty.host("dest.test")
        rows.append(("no records", empty, "failed 5.1.2 noUsableHost"))
        for (name, resolver, expected) in rows {
            #expect(try await deliver(port: 9, resolver) == [expected], "\(name)")
        }
    }

    @Test("loopback addresses from the DNS are refused unless allowed")
    func loopback() async throws {
        let peer = try await ScriptedPeer()
        var resolver = FixedResolver()
        resolver.mx("dest.test", (10, "one.dest.test"))
        resolver.host("one.dest.test", "127.0.0.1", "::1", "0.0.0.0")
        let outcome = try await deliver(port: peer.port, resolver) { $0.addressRules.allowsLoopback = false }
        #expect(outcome == ["failed 5.4.4 noUsableHost"])
        #expect(peer.connections == 0)
        await peer.stop()
    }

    @Test(
        "a failed handshake is followed by one try in clear where that is allowed, and by none where it is not",
        arguments: [true, false]
    )
    func clearFallback(_ isAllowed: Bool) async throws {
        var script = Script()
        script.extensions.append("STARTTLS")
        let peer = try await ScriptedPeer(script)
        var resolver = FixedResolver()
        resolver.mx("dest.test", (10, "one.dest.test"))
        resolver.host("one.dest.test", "127.0.0.1")
        let outcome = try await deliver(port: peer.port, resolver, level: isAllowed ? 1 : 3)
        if isAllowed {
            #expect(outcome == ["delivered dsn"])
            #expect(peer.connections == 2)
        } else {
            #expect(outcome.first?.hasPrefix("deferred") == true)
            #expect(peer.taken.isEmpty)
        }
        await peer.stop()
    }
}
