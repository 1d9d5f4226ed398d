// SPDX-License-Identifier: Apache-2.0

import Privacy
import Testing

@testable import Store

@Suite("What an operator asks of the queue")
struct QueueOperatorTests {
    private let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    @Test("copies are found by next hop, by its hint or by the digits of its hash")
    func nextHops() async throws {
        let store = try fixture.open()
        let contents = [NewContent.bytes([65])]
        for hop in ["mx one.net", "mx one.net", "mx two.net"] {
            try await store.enqueue(try fixture.message(contents, hop: hop))
        }
        let (one, two) = (store.nextHop("mx one.net"), store.nextHop("mx two.net"))
        #expect(one.shortText.count == 8 && one.shortText != two.shortText)
        #expect(store.nextHops(named: one.shortText) == [one] && store.nextHops(named: "zz").isEmpty)
        #expect(try await store.list(QueueFilter(nextHops: [one])).map(\.nextHop) == [one, one])
        #expect(try await store.list(QueueFilter(nextHops: [one, two])).count == 3)
        #expect(try await store.list(QueueFilter(nextHops: [])).isEmpty)
        #expect(try await store.list(QueueFilter(nextHops: [store.nextHop("mx three.net")])).isEmpty)
        #expect(store.hasCopies(for: two) && !store.hasCopies(for: store.nextHop("mx three.net")))
        await store.close()
    }

    @Test("the oldest copy of a state, and the ages of all")
    func ages() async throws {
        let store = try fixture.open()
        #expect(try await store.oldest(.ready) == nil)
        let first = try fixture.message("first")
        try await store.enqueue(first)
        fixture.advance(.seconds(7200))
        try await store.maintain()
        try await store.enqueue(try fixture.message("second"))
        #expect(try await store.oldest(.ready) == .seconds(7200))
        #expect(store.counts().byAge == [.ready: [1, 1, 0, 0, 0]])
        #expect(try await store.hold(first.id, until: fixture.now + .seconds(60)) == 1)
        #expect(try await store.oldest(.ready) == .zero)
        #expect(try await store.oldest(.held) == .seconds(7200))
        #expect(store.counts().byAge == [.ready: [1, 0, 0, 0, 0], .held: [0, 1, 0, 0, 0]])
        #expect(store.totals().held == 1 && store.totals().byAge.isEmpty)
        await store.close()
    }

    @Test("what was held is tried from its release on, also after a restart")
    func released() async throws {
        var store = try fixture.open()
        let message = try fixture.message("x")
        let arrival = fixture.now
        try await store.enqueue(message)
        let fresh = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        #expect(fresh.triedSince == arrival)
        store.giveBack([fresh])
        #expect(try await store.hold(message.id, until: fixture.now + .seconds(1_000_000)) == 1)
        fixture.advance(.seconds(500_000))
        #expect(try await store.release(message.id) == 1)
        await store.close()
        store = try fixture.open()
        let copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        #expect(copy.triedSince == fixture.now && copy.envelope.arrival == arrival)
        await store.close()
    }

    @Test("a replaced copy names the message that took its place")
    func replaced() async throws {
        let store = try fixture.open()
        let old = try fixture.message("old")
        try await store.enqueue(old)
        let copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        var new = try fixture.message("new")
        new.envelope.released = fixture.now + .seconds(5)
        try await store.settle([CopyOutcome(copy, .replaced(by: new.id))], alsoEnqueue: [new])
        let gone = try #require(try await store.trace(old.id).first)
        #expect(gone.state == .replaced && gone.replacement == new.id)
        let waiting = try #require(try await store.lease(due: fixture.now + .seconds(9), limit: 1).first)
        #expect(waiting.triedSince == fixture.now + .seconds(5))
        await store.close()
    }

    @Test("rows of the first version still open")
    func firstVersion() throws {
        let message = try fixture.message("x")
        let record = MessageRecord(id: message.id, envelope: message.envelope, contentSizes: [1], copies: [])
        let progress = CopyProgress(attempts: 3, lastReply: "450 later", hold: .policy)
        // Version 1 had no moment of release at its end.
        #expect(try CopyProgress(decoding: [1] + progress.encoded().dropFirst().dropLast()) == progress)
        #expect(throws: StoreError.damaged) { try MessageRecord(decoding: [2] + record.encoded().dropFirst()) }
        let later = CopyProgress(released: WallTime(milliseconds: 77))
        #expect(try CopyProgress(decoding: later.encoded()) == later)
    }
}
