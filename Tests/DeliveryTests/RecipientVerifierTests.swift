// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPWire
import Settings
import Synchronization
import Testing

@testable import Delivery

/// Remembers for good, and for how long it was asked to.
private final class TestMemory: VerificationMemory {
    let kept = Mutex<[String: (RememberedVerification, Duration)]>([:])

    func recall(_ key: String) async -> RememberedVerification? { kept.withLock { $0[key]?.0 } }

    func remember(_ key: String, _ answer: RememberedVerification, for span: Duration) async {
        kept.withLock { $0[key] = (answer, span) }
    }

    func spans(_ prefix: String) -> [Duration] {
        kept.withLock { kept in kept.filter { $0.key.hasPrefix(prefix) }.map { $0.value.1 } }
    }
}

@Suite("Asking a next hop whether a recipient exists")
struct RecipientVerifierTests {
    private func verify(
        _ script: Script,
        _ recipients: [String],
        stopFirst: Bool = false
    ) async throws -> (answers: [String], peer: ScriptedPeer.Record, memory: TestMemory, reports: Int) {
        let peer = try await ScriptedPeer(script)
        if stopFirst { await peer.stop() }
        let delivery = Fixture.delivery(try Fixture.options())
        let memory = TestMemory()
        let reports = Counter()
        let verifier = RecipientVerifier(delivery: delivery, memory: memory, time: .system()) { _, _ in reports.add() }
        let next = NextHop(endpoint: .tcp(host: "127.0.0.1", port: peer.port), tls: .off)
        let route = Route(domain: .any, target: script.isLMTP ? .lmtp(next) : .relay(next))
        var answers: [String] = []
        for recipient in recipients {
            switch await verifier.verify(try #require(EmailAddress(recipient)), route: route) {
            case .accepted: answers.append("yes")
            case .rejected(let reply): answers.append("no \(reply.code)")
            case .unknown: answers.append("unknown")
            }
        }
        await delivery.close()
        await peer.stop()
        return (answers, peer.record, memory, reports.value)
    }

    @Test("a yes is kept two hours, a no five minutes, and neither is asked for again", arguments: [false, true])
    func remembered(_ isLMTP: Bool) async throws {
        var script = Script()
        script.isLMTP = isLMTP
        script.answers = ["RCPT": .say("550 5.1.1 unknown"), "RCPT TO:<bob@": .say("250 2.1.5 ok")]
        let (answers, peer, memory, reports) = try await verify(
            script,
            ["bob@dest.test", "no@dest.test", "BOB@dest.test", "no@dest.test"]
        )
        #expect(answers == ["yes", "no 550", "yes", "no 550"])
        // Two recipients and one random address.
        #expect(peer.lines.filter { $0.hasPrefix("RCPT") }.count == 3)
        #expect(peer.lines.filter { $0.hasPrefix("MAIL FROM:<>") }.count == 3)
        #expect(peer.taken.isEmpty)
        #expect(!peer.lines.contains("DATA"))
        #expect(peer.connections == 1)
        #expect(Set(memory.spans("rcpt ")) == [.seconds(7200), .seconds(300)])
        #expect(reports == 0)
    }

    @Test("a next hop that says yes to everybody is found out and reported once for a domain")
    func acceptsEverybody() async throws {
        let (answers, peer, _, reports) = try await verify(
            Script(),
            ["bob@dest.test", "eve@dest.test", "eve@other.test"]
        )
        #expect(answers == ["yes", "yes", "yes"])
        #expect(reports == 2)
        #expect(peer.lines.filter { $0.hasPrefix("RCPT") }.count == 5)
    }

    @Test("a next hop that is down, busy or unsure gives no answer, and nothing is remembered")
    func unknown() async throws {
        #expect(try await verify(Script(), ["bob@dest.test"], stopFirst: true).answers == ["unknown"])
        for (verb, move) in [
            ("RCPT", Script.Move.say("450 4.2.1 later")), ("RCPT", .hangUp), ("EHLO", .say("421 busy")),
            ("RCPT", .say("552 5.2.2 full")),
        ] {
            var script = Script()
            script.answers = [verb: move]
            let (answers, _, memory, _) = try await verify(script, ["bob@dest.test"])
            #expect(answers == ["unknown"])
            #expect(memory.spans("").isEmpty)
        }
    }

    @Test("a maildir or MX route has nobody to ask")
    func nobodyToAsk() async throws {
        let delivery = Fixture.delivery(try Fixture.options())
        let verifier = RecipientVerifier(delivery: delivery, memory: TestMemory(), time: .system())
        let address = try #require(EmailAddress("bob@dest.test"))
        for target in [Route.Target.maildir, .mx] {
            #expect(await verifier.verify(address, route: Route(domain: .any, target: target)) == .unknown)
        }
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
}
