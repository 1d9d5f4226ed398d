// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Mail
import Peers
import Privacy
import Store
import Testing

@Suite("Keeping peers")
struct KeeperTests {
    private static let day: Int64 = 86_400

    @Test("what was added is pinned, durably, and known after a restart")
    func adding() async throws {
        let fixture = try await PeersFixture()
        #expect(fixture.book.pins(at: Vectors.now).isEmpty)
        let added = try await fixture.add("good")
        let pins = fixture.book.pins(at: Vectors.now)
        #expect(pins == [added.life.pinSet(at: Vectors.all.now)])
        #expect(
            pins.first?.scope == .domain("example.org") && pins.first?.current.count == 1 && pins.first?.next.count == 1
        )
        let again = try await PeerBook.load(from: fixture.store)
        #expect(again.pins(at: Vectors.now) == pins && again.lost.isEmpty)
        await #expect(throws: PeerKeeper.Refusal.self) { try await fixture.add("good") }
        #expect(try await fixture.keeper.remove("example.org"))
        #expect(try await !fixture.keeper.remove("example.org"))
        #expect(fixture.book.pins(at: Vectors.now).isEmpty)
        #expect(try await PeerBook.load(from: fixture.store).all.isEmpty)
    }

    @Test(
        "a statement that can't be accepted adds nothing",
        arguments: Vectors.all.vectors.filter { $0.reason != nil }.map(\.name)
    )
    func refused(name: String) async throws {
        let fixture = try await PeersFixture()
        await #expect(throws: PeerKeeper.Refusal.self) { try await fixture.add(name) }
        #expect(fixture.book.all.isEmpty && fixture.book.pins(at: Vectors.now).isEmpty)
    }

    @Test(
        "a statement that can't be accepted moves nothing: one reason, the pins stay, and the next look comes soon",
        arguments: Vectors.all.vectors.filter { $0.reason != nil && $0.name != "bad-key-revoked" }.map(\.name)
    )
    func refusedLater(name: String) async throws {
        let fixture = try await PeersFixture()
        let before = try await fixture.add("good-announces-next-key")
        fixture.server.serve(name)
        fixture.clock.advance(60)
        let after = try await fixture.refresh()
        #expect(after.life == before.life)
        #expect(
            after.trouble?.isRefusal == true && after.trouble?.sentence.hasSuffix(".") == true && after.failures == 1
        )
        #expect(after.nextLook - after.lastLook <= 1350)
        fixture.server.serve("good-announces-next-key")
        let mended = try await fixture.refresh()
        // A subkey that was seen revoked stays so, whatever is served later.
        let isWell = name != "bad-subkey-revoked"
        #expect((mended.trouble == nil) == isWell && (mended.failures == 0) == isWell)
    }

    @Test("an old statement, however well signed, is refused")
    func replayed() async throws {
        let fixture = try await PeersFixture()
        try await fixture.add("good-announces-next-key")
        fixture.server.serve("good")
        let after = try await fixture.refresh()
        #expect(after.trouble?.sentence.contains("old statement is being served") == true)
        #expect(after.life.statement.serial == Vectors.all.now)
    }

    @Test("what can't be fetched is tried again, and alarms nobody by itself")
    func unreachable() async throws {
        let fixture = try await PeersFixture()
        let before = try await fixture.add("good")
        fixture.server.fail()
        let after = try await fixture.refresh()
        #expect(after.life == before.life && after.trouble?.isRefusal == false)
    }

    @Test("the announced key takes over after seven days, and brings its own certificate")
    func rolledKey() async throws {
        let fixture = try await PeersFixture()
        try await fixture.add("good-announces-next-key")
        fixture.server.serve("good-by-next-key")
        fixture.clock.advance(6 * Self.day)
        #expect(try await fixture.refresh().trouble?.sentence.contains("counts only from") == true)
        fixture.clock.advance(Self.day)
        let rolled = try await fixture.refresh()
        #expect(rolled.trouble == nil && rolled.life.key.text == Vectors.all.next_key)
        #expect(fixture.moves.domains == [], "the pins are the same")
        #expect(
            await Vectors.reader.read(Vectors.bytes("good-by-next-key.json"), at: Vectors.now).certificate
                == rolled.certificate
        )
    }

    @Test("a key revoked as compromised freezes the pins, and nothing is asked for any more")
    func compromised() async throws {
        let fixture = try await PeersFixture()
        let before = try await fixture.add("good")
        fixture.server.serve("bad-key-revoked")
        let frozen = try await fixture.refresh()
        #expect(frozen.life.revokedSince == Vectors.all.now && frozen.life.statement == before.life.statement)
        #expect(fixture.book.pins(at: Vectors.now).first?.current == before.life.statement.pins)
        fixture.server.serve("good-announces-next-key")
        let looks = fixture.server.looks
        fixture.clock.advance(2 * Self.day)
        await fixture.keeper.refreshDue()
        #expect(fixture.server.looks == looks)
        #expect(try await fixture.refresh().life.statement == before.life.statement)
    }

    @Test("looks come when they are due, and at once when a pin does not match, but not again and again")
    func timing() async throws {
        let fixture = try await PeersFixture()
        let added = try await fixture.add("good")
        await fixture.keeper.refreshDue()
        #expect(fixture.server.looks == 1)
        await fixture.keeper.mismatch(domain: PeersFixture.domain)
        #expect(fixture.server.looks == 1)
        fixture.clock.advance(120)
        for _ in 0..<5 { await fixture.keeper.mismatch(domain: PeersFixture.domain) }
        #expect(fixture.server.looks == 2)
        fixture.clock.advance(Self.day)
        await fixture.keeper.refreshDue()
        #expect(fixture.server.looks == 3)
        #expect(fixture.book.peer("example.org")?.life.statement == added.life.statement)
        await fixture.keeper.mismatch(domain: try #require(Domain("elsewhere.example")))
        #expect(fixture.server.looks == 3)
    }

    @Test("a peer whose record is gone is missed: mail for it waits until somebody looks")
    func lost() async throws {
        let fixture = try await PeersFixture()
        try await fixture.add("good")
        try await fixture.store.remove(.peer, id: Array("domain example.org".utf8))
        let book = try await PeerBook.load(from: fixture.store)
        #expect(book.lost == ["example.org"] && book.all.isEmpty && book.has("example.org"))
        let pins = try #require(book.pins(at: Vectors.now).first)
        #expect(pins.scope == .domain("example.org") && pins.current.isEmpty && pins.next.isEmpty)
        try await book.remove("example.org")
        #expect(try await PeerBook.load(from: fixture.store).lost.isEmpty)
    }

    @Test("the serials of our own statements are kept for each domain")
    func ownSerials() async throws {
        let fixture = try await PeersFixture()
        let own = OwnStatements(records: fixture.store)
        #expect(try await own.last(for: "example.org") == nil)
        let statement = try CommitmentStatement(payload: StatementEnvelope(served: Vectors.bytes("good.json")).payload)
        try await own.keep(statement)
        #expect(try await own.last(for: "example.org") == statement)
        #expect(try await own.last(for: "example.net") == nil)
    }
}
