// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import DNSResolver
import Mail
import SMTPWire
import Settings
import Synchronization
import Testing

@testable import Delivery

/// What peers in clear show: a decision that is not met sends nothing.
@Suite("The channel that was decided is the only one")
struct ChannelWiringTests {
    /// Remembers, as the gateway's records do.
    final class Memory: RatchetMemory {
        let entries = Mutex<[RatchetEntry]>([])

        func entry(domain: String, host: String) async -> RatchetEntry? {
            entries.withLock { $0.last { $0.domain == domain && $0.host == host } }
        }

        func learn(_ entry: RatchetEntry) async { entries.withLock { $0.append(entry) } }
    }

    final class Counts: TLSReportCounting {
        let events = Mutex<[TLSReportEvent]>([])

        func count(_ event: TLSReportEvent) { events.withLock { $0.append(event) } }
    }

    private static func deliver(
        _ guidance: ChannelGuidance,
        wish: TLSWish = .none,
        startTLS: String? = nil,
        resolver change: (inout FixedResolver, Int) -> Void = { _, _ in }
    ) async throws -> (outcome: [String], taken: Int) {
        var script = Script()
        if let startTLS {
            script.extensions.append("STARTTLS")
            script.answers["STARTTLS"] = .say(startTLS)
        }
        let peer = try await ScriptedPeer(script)
        var resolver = FixedResolver(security: .secure)
        resolver.mx("dest.test", (10, "one.dest.test"))
        resolver.host("one.dest.test", "127.0.0.1")
        change(&resolver, peer.port)
        let options = try Fixture.options(port: peer.port)
        let delivery = Fixture.delivery(options, resolver: resolver, guidance: guidance)
        var group = try Fixture.group(.mx(try #require(Domain("dest.test"))))
        group.wish = wish
        let results = await delivery.deliver(group)
        await delivery.close()
        let taken = peer.taken.count
        await peer.stop()
        return (results.map(\.outcome.short), taken)
    }

    private static func rule(_ change: (inout ChannelSettings.Rule) -> Void) throws -> ChannelGuidance {
        var rule = ChannelSettings.Rule(for: .domain(try #require(Domain("dest.test"))))
        change(&rule)
        var settings = ChannelSettings()
        settings.rules = [rule]
        return ChannelGuidance(settings: settings)
    }

    @Test("without a rule mail goes in clear to a server without TLS, and that is counted")
    func clear() async throws {
        let counts = Counts()
        #expect(try await Self.deliver(ChannelGuidance(reports: counts)) == (["delivered dsn"], 1))
        #expect(counts.events.withLock { $0.map(\.host) } == ["one.dest.test"])
    }

    @Test("a refused STARTTLS is followed by clear only where nothing stronger holds", arguments: [1, 3])
    func refused(level: Int) async throws {
        let sent = try await Self.deliver(ChannelGuidance(level: level), startTLS: "454 4.7.0 not now")
        #expect(sent == (level == 1 ? (["delivered dsn"], 1) : (["deferred 4.7.10 tlsRequired"], 0)))
    }

    @Test("what the operator requires makes mail wait", arguments: ChannelFloor.allCases)
    func floors(floor: ChannelFloor) async throws {
        let sent = try await Self.deliver(try Self.rule { $0.require = floor })
        switch floor {
        case .encrypted, .authenticated: #expect(sent == (["deferred 4.7.10 tlsRequired"], 0))
        case .pinned, .onion: #expect(sent == (["deferred 4.7.5 floorUnmet"], 0))
        }
    }

    @Test("a pinned server without TLS gets nothing")
    func pins() async throws {
        let pin = try #require(Pin("spki:" + String(repeating: "6b", count: 32)))
        let sent = try await Self.deliver(try Self.rule { $0.pins = [pin] })
        #expect(sent == (["deferred 4.7.10 tlsRequired"], 0))
    }

    /// A peer whose statement, looked at, moves its pins or leaves them.
    final class Statement: PeerPins {
        private let current: Mutex<[PinSet]>
        private let next: [PinSet]
        let looks = Mutex(0)

        init(_ digits: String, then next: String) throws {
            func pins(_ digits: String) throws -> [PinSet] {
                let pin = try #require(Pin("spki:" + String(repeating: digits, count: 32)))
                return [PinSet(.domain("dest.test"), source: .statement(isExpired: false), current: [pin])]
            }
            self.current = Mutex(try pins(digits))
            self.next = try pins(next)
        }

        func pins() -> [PinSet] { current.withLock { $0 } }
        func mismatch(domain: Domain) async {
            looks.withLock { $0 += 1 }
            current.withLock { $0 = next }
        }
    }

    @Test(
        "a server that showed no pin is tried again at once when the peer's statement has other pins now, and once only",
        arguments: [("6b", 1), ("7c", 2)]
    )
    func movedPins(next: String, tries: Int) async throws {
        let peer = try await ScriptedPeer(Script())
        var resolver = FixedResolver(security: .secure)
        resolver.mx("dest.test", (10, "one.dest.test"))
        resolver.host("one.dest.test", "127.0.0.1")
        let statement = try Statement("6b", then: next)
        let delivery = Fixture.delivery(
            try Fixture.options(port: peer.port),
            resolver: resolver,
            guidance: ChannelGuidance(peers: statement)
        )
        let results = await delivery.deliver(try Fixture.group(.mx(try #require(Domain("dest.test")))))
        await delivery.close()
        #expect(results.map(\.outcome.short) == ["deferred 4.7.10 tlsRequired"])
        #expect(peer.connections == tries && statement.looks.withLock { $0 } == 1)
        await peer.stop()
    }

    @Test("a link that is declared and missing makes mail wait")
    func link() async throws {
        #expect(try await Self.deliver(try Self.rule { $0.link = .ipsec }) == (["deferred 4.7.5 linkMissing"], 0))
    }

    @Test(
        "TLSA records make TLS mandatory, and a look-up for them that fails makes mail wait",
        arguments: [true, false]
    )
    func dane(isFound: Bool) async throws {
        let sent = try await Self.deliver(ChannelGuidance()) { resolver, port in
            let name = "_\(port)._tcp.one.dest.test"
            if isFound {
                resolver.tlsa(name, (3, 1, 1, [UInt8](repeating: 1, count: 32)))
            } else {
                resolver.put(name, .tlsa, .failed)
            }
        }
        #expect(sent == ([isFound ? "deferred 4.7.10 tlsRequired" : "deferred 4.4.3 nameServiceFailed"], 0))
    }

    @Test("where mail was encrypted it must be again")
    func ratchet() async throws {
        let memory = Memory()
        let now = Fixture.now
        await memory.learn(RatchetEntry(domain: "dest.test", host: "one.dest.test", lastEncrypted: now - 89 * 86_400))
        #expect(try await Self.deliver(ChannelGuidance(ratchet: memory)) == (["deferred 4.7.10 tlsRequired"], 0))
        let forgotten = Memory()
        await forgotten.learn(
            RatchetEntry(domain: "dest.test", host: "one.dest.test", lastEncrypted: now - 91 * 86_400)
        )
        #expect(try await Self.deliver(ChannelGuidance(ratchet: forgotten)) == (["delivered dsn"], 1))
    }

    @Test("REQUIRETLS fails for good where it can't be kept; a report with it waits")
    func requireTLS() async throws {
        let sent = try await Self.deliver(ChannelGuidance(), wish: .required(isReport: false))
        #expect(sent == (["failed 5.7.10 tlsRequired"], 0))
        let report = try await Self.deliver(ChannelGuidance(), wish: .required(isReport: true))
        #expect(report == (["deferred 4.7.10 tlsRequired"], 0))
    }
}
