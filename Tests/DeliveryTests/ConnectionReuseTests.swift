// SPDX-License-Identifier: Apache-2.0

import Mail
import SMTPTransport
import Settings
import Testing

@testable import Delivery

@Suite("Connections are used again")
struct ConnectionReuseTests {
    private func deliver(_ count: Int, to peer: ScriptedPeer, _ delivery: MailDelivery) async throws -> [String] {
        var outcomes: [String] = []
        for _ in 0..<count {
            outcomes += await delivery.deliver(try Fixture.group(Fixture.relay(peer.port))).map(\.outcome.short)
        }
        return outcomes
    }

    @Test("several messages share one connection, and the limit of messages ends it")
    func shared() async throws {
        let peer = try await ScriptedPeer()
        let delivery = Fixture.delivery(try Fixture.options { $0.maxTransactions = 3 })
        #expect(try await deliver(7, to: peer, delivery) == Array(repeating: "delivered dsn", count: 7))
        #expect(peer.connections == 3)
        await delivery.close()
        await peer.stop()
    }

    @Test("a connection that the server closed with 421 meanwhile costs a new one and no delay")
    func stale() async throws {
        var script = Script()
        script.messagesPerConnection = 2
        let peer = try await ScriptedPeer(script)
        let delivery = Fixture.delivery(try Fixture.options())
        #expect(try await deliver(5, to: peer, delivery) == Array(repeating: "delivered dsn", count: 5))
        #expect(peer.connections == 3)
        #expect(peer.taken.count == 5)
        await delivery.close()
        await peer.stop()
    }

    @Test("a refused message does not spoil the connection for the next")
    func afterRefusal() async throws {
        var script = Script()
        script.answers = ["RCPT TO:<no@": .say("550 5.1.1 unknown")]
        let peer = try await ScriptedPeer(script)
        let delivery = Fixture.delivery(try Fixture.options())
        let refused = await delivery.deliver(try Fixture.group(Fixture.relay(peer.port), to: ["no@dest.test"]))
        #expect(refused.map(\.outcome.short) == ["failed 5.1.1 refusedByHost"])
        #expect(try await deliver(2, to: peer, delivery) == ["delivered dsn", "delivered dsn"])
        #expect(peer.connections == 1)
        await delivery.close()
        await peer.stop()
    }

    @Test("an idle connection is closed politely after its time")
    func idle() async throws {
        let peer = try await ScriptedPeer()
        let delivery = Fixture.delivery(try Fixture.options { $0.idleLimit = .milliseconds(100) })
        let running = Task { await delivery.run() }
        #expect(try await deliver(1, to: peer, delivery) == ["delivered dsn"])
        for _ in 0..<100 where !peer.record.lines.contains("QUIT") { try await Task.sleep(for: .milliseconds(50)) }
        #expect(peer.record.lines.contains("QUIT"))
        running.cancel()
        await running.value
        await peer.stop()
    }

    @Test("no more connections than allowed at a time, and every message gets its turn")
    func limit() async throws {
        let peer = try await ScriptedPeer()
        let delivery = Fixture.delivery(
            try Fixture.options {
                $0.connectionsPerDomain = 3
                $0.connectionsPerHost = 3
            }
        )
        let group = try Fixture.group(Fixture.relay(peer.port))
        let delivered = await withTaskGroup(of: Int.self) { tasks in
            for _ in 0..<60 {
                tasks.addTask { await delivery.deliver(group).filter { $0.outcome.short == "delivered dsn" }.count }
            }
            return await tasks.reduce(0, +)
        }
        #expect(delivered == 60)
        #expect(peer.record.mostOpen <= 3)
        await delivery.close()
        await peer.stop()
    }

    @Test("a dead next hop does not hold up another, and waiting for it can be cancelled")
    func deadHop() async throws {
        var silent = Script()
        silent.greeting = .silence
        let dead = try await ScriptedPeer(silent)
        let alive = try await ScriptedPeer()
        let delivery = Fixture.delivery(
            try Fixture.options {
                $0.connectionsPerDomain = 1
                $0.connectionsPerHost = 1
                $0.timeouts.greeting = .seconds(5)
            }
        )
        let toDead = try Fixture.group(Fixture.relay(dead.port))
        let stuck = (0..<4).map { _ in Task { await delivery.deliver(toDead).map(\.outcome.short) } }
        try await Task.sleep(for: .milliseconds(100))
        #expect(delivery.isBusy(toDead.hop))
        #expect(try await deliver(3, to: alive, delivery) == Array(repeating: "delivered dsn", count: 3))
        stuck[3].cancel()
        #expect(await stuck[3].value.first?.hasPrefix("deferred") == true)
        for task in stuck { #expect(await task.value.first?.hasPrefix("deferred") == true) }
        // The first waited for the time-out, and the others did not wait for it again.
        #expect(dead.connections <= 2)
        await delivery.close()
        await dead.stop()
        await alive.stop()
    }
}
