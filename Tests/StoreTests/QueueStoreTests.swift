// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import Testing
import Vault

@testable import Store

@Suite("The queue")
struct QueueStoreTests {
    private let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    @Test("what was enqueued comes out of a lease as it went in")
    func roundTrip() async throws {
        let store = try fixture.open()
        let message = try fixture.message("Subject: x\r\n\r\nbody")
        try await store.enqueue(message)
        let copies = try await store.lease(due: fixture.now, limit: 10)
        let copy = try #require(copies.first)
        #expect(copies.count == 1)
        #expect(copy.id == CopyID(message: message.id, index: 0))
        #expect(copy.recipient.wire == "rcpt-canary@example.net")
        #expect(copy.envelope.reversePath == message.envelope.reversePath)
        #expect(copy.envelope.envelopeID == "QQ1" && copy.envelope.returnContent == .headers && copy.envelope.smtpUTF8)
        #expect(copy.envelope.arrival == fixture.now && copy.envelope.origin == .ours)
        #expect(copy.dsn == message.copies[0].dsn)
        #expect(copy.attempts == 0 && copy.hold == nil && !copy.delayWarned)
        #expect(copy.nextHop == store.nextHop("mx example.net"))
        #expect(try await readAll(store.content(of: copy)) == Array("Subject: x\r\n\r\nbody".utf8))
        #expect(try await store.lease(due: fixture.now, limit: 10).isEmpty)
        await store.close()
    }

    @Test("how copies came to their recipients survives a restart, and its absence too")
    func journeys() async throws {
        var message = try fixture.message("Subject: x", to: ["a@example.net", "b@example.net"])
        let journey = CopyJourney(
            written: try StoreFixture.address("alias-canary@example.org"),
            isForward: true,
            wantsReceipt: true
        )
        message.copies[1].journey = journey
        do {
            let store = try fixture.open()
            try await store.enqueue(message)
            try await store.enqueue(try fixture.message("Subject: y"))
            await store.close()
        }
        let store = try fixture.open()
        let copies = try await store.lease(due: fixture.now, limit: 10)
        #expect(copies.map(\.journey).filter { $0 == CopyJourney() }.count == 2)
        #expect(copies.first { $0.id == CopyID(message: message.id, index: 1) }?.journey == journey)
        await store.close()
    }

    @Test("the same, read back from the file by a new store")
    func restart() async throws {
        let message = try fixture.message(
            [.bytes(Array("first".utf8)), .bytes([]), .bytes([UInt8](repeating: 9, count: 200_000))],
            to: ["a@example.net", "b@example.net", "c@example.net"],
            content: { $0 }
        )
        do {
            let store = try fixture.open()
            try await store.enqueue(message)
            _ = try await store.lease(due: fixture.now, limit: 2)
            await store.close()
        }
        let store = try fixture.open()
        let copies = try await store.lease(due: fixture.now, limit: 10)
        #expect(copies.map(\.id.index).sorted() == [0, 1, 2])
        for copy in copies {
            let expected = [Array("first".utf8), [], [UInt8](repeating: 9, count: 200_000)][copy.id.index]
            #expect(copy.contentSize == expected.count)
            #expect(try await readAll(store.content(of: copy)) == expected)
            #expect(copy.dsn.notify == [.failure, .delay])
        }
        await store.close()
    }

    @Test(
        "sealed: no canary of envelope, recipient, content, hint, reply or id is in any file, while it waits and after"
    )
    func nothingInClear() async throws {
        let store = try fixture.open()
        let message = try fixture.message("BODY-CANARY in the text")
        try await store.enqueue(message)
        var copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        try await store.settle([
            CopyOutcome(
                copy,
                .deferred(until: fixture.now + .seconds(60), reply: "450 REPLY-CANARY <rcpt-canary@example.net>")
            )
        ])
        let canaries = [
            "BODY-CANARY", "REPLY-CANARY", "rcpt-canary", "sender-canary", "mx example.net", message.id.text,
        ]
        for canary in canaries { #expect(try !fixture.scan(for: Array(canary.utf8)), "\(canary)") }
        fixture.advance(.seconds(61))
        copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        #expect(copy.attempts == 1 && copy.lastReply?.exposed.contains("REPLY-CANARY") == true)
        try await store.settle([CopyOutcome(copy, .delivered(reply: "250 ok"))])
        for canary in canaries { #expect(try !fixture.scan(for: Array(canary.utf8)), "\(canary)") }
        // The scanner can find what is there.
        try Data("xx BODY-CANARY".utf8).write(to: URL(fileURLWithPath: fixture.directory + "/planted"))
        #expect(try fixture.scan(for: Array("BODY-CANARY".utf8)))
        await store.close()
    }

    @Test("a shared content is stored once and goes with its last copy; a content of one's own goes at once")
    func sharedContent() async throws {
        let store = try fixture.open()
        let contents: [NewContent] = [.bytes([1]), .bytes([2])]
        try await store.enqueue(
            try fixture.message(contents, to: ["a@x.net", "b@x.net", "c@x.net"], content: { $0 == 2 ? 1 : 0 })
        )
        #expect(try fixture.count("chunks") == 2)
        let copies = try await store.lease(due: fixture.now, limit: 3).sorted { $0.id.index < $1.id.index }
        try await store.settle([CopyOutcome(copies[0], .delivered(reply: ""))])
        #expect(try fixture.count("chunks") == 2)
        try await store.settle([CopyOutcome(copies[2], .delivered(reply: ""))])
        #expect(try fixture.count("chunks") == 1)
        #expect(try await readAll(store.content(of: copies[1])) == [1])
        try await store.settle([CopyOutcome(copies[1], .delivered(reply: ""))])
        for table in ["chunks", "messages", "copies", "progress"] { #expect(try fixture.count(table) == 0, "\(table)") }
        await store.close()
    }

    @Test("all copies settled in one transaction take message and contents along")
    func settledTogether() async throws {
        let store = try fixture.open()
        try await store.enqueue(try fixture.message("x", to: (0..<50).map { "r\($0)@x.net" }))
        let copies = try await store.lease(due: fixture.now, limit: 100)
        #expect(copies.count == 50)
        try await store.settle(copies.map { CopyOutcome($0, .delivered(reply: "")) })
        for table in ["chunks", "messages", "copies"] { #expect(try fixture.count(table) == 0, "\(table)") }
        #expect(store.counts() == QueueCounts())
        await store.close()
    }

    @Test("many callers share transactions")
    func groupCommit() async throws {
        let store = try fixture.open()
        let messages = try (0..<300).map { try fixture.message("message \($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for message in messages { group.addTask { try await store.enqueue(message) } }
            try await group.waitForAll()
        }
        #expect(store.counts().ready == 300)
        #expect(try fixture.count("messages") == 300)
        #expect(store.transactions < 200)
        await store.close()
    }

    @Test("settle and enqueue are one: with no room for the report, the failed copy stays")
    func reportIsAtomic() async throws {
        let store = try fixture.open(.init(maxFileBytes: 200 * 4096))
        try await store.enqueue(try fixture.message("x"))
        let copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        let big = try fixture.message([.bytes([UInt8](repeating: 1, count: 1_000_000))])
        await #expect(throws: StoreError.full) {
            try await store.settle([CopyOutcome(copy, .failed(reply: "550 no"))], alsoEnqueue: [big])
        }
        #expect(try fixture.count("copies") == 1)
        #expect(store.health == .full)
        #expect(store.counts().ready == 1 && store.counts().leased == 1)
        #expect(try await store.lease(due: fixture.now, limit: 1).isEmpty)
        let report = try fixture.message("a report")
        try await store.settle([CopyOutcome(copy, .failed(reply: "550 no"))], alsoEnqueue: [report])
        #expect(store.health == .ok)
        let left = try await store.lease(due: fixture.now, limit: 10)
        #expect(left.map(\.id.message) == [report.id])
        #expect(try await store.trace(copy.id.message).map(\.state) == [.failed])
        await store.close()
    }

    @Test("a full disk refuses new mail and keeps running; what is there can be delivered")
    func diskFull() async throws {
        let store = try fixture.open(.init(maxFileBytes: 200 * 4096))
        var stored = 0
        var refusal: StoreError?
        while refusal == nil && stored < 1000 {
            let message = try fixture.message([.bytes([UInt8](repeating: 3, count: 30_000))])
            do throws(StoreError) {
                try await store.enqueue(message)
                stored += 1
            } catch {
                refusal = error
            }
        }
        #expect(refusal == .full)
        #expect(stored > 5)
        let copies = try await store.lease(due: fixture.now, limit: 1000)
        #expect(copies.count == stored)
        try await store.settle(copies.map { CopyOutcome($0, .delivered(reply: "")) })
        try await store.enqueue(try fixture.message("fits again"))
        #expect(store.health == .ok)
        await store.close()
    }

    @Test("states: deferred, held, released, discarded, dropped, each survives a restart")
    func states() async throws {
        var store = try fixture.open()
        let message = try fixture.message("x", to: (0..<5).map { "r\($0)@x.net" })
        try await store.enqueue(message)
        var copies = try await store.lease(due: fixture.now, limit: 5).sorted { $0.id.index < $1.id.index }
        let later = fixture.now + .seconds(3600)
        try await store.settle([
            CopyOutcome(copies[0], .deferred(until: later, reply: "450 later", delayWarned: true)),
            CopyOutcome(copies[1], .held(.keyUnusable, until: later, reply: "expired key")),
            CopyOutcome(copies[2], .discarded(until: later, reply: "double bounce")),
            CopyOutcome(copies[3], .dropped),
        ])
        await store.close()
        store = try fixture.open()
        #expect(store.counts().ready == 2 && store.counts().held == 1 && store.counts().discarded == 1)
        #expect(store.counts().heldBytes == 1)
        #expect(store.mayHold(copies: 1, bytes: 1, quotaCopies: 2, quotaBytes: 2))
        #expect(!store.mayHold(copies: 2, bytes: 1, quotaCopies: 2, quotaBytes: 100))
        #expect(!store.mayHold(copies: 1, bytes: 2, quotaCopies: 100, quotaBytes: 2))
        #expect(try await store.lease(due: fixture.now, limit: 9).map(\.id.index) == [4])
        #expect(store.nextDue() == later)
        let shown = try await store.trace(message.id)
        #expect(shown.map(\.state) == [.ready, .held, .discarded, .leased])
        #expect(shown[0].attempts == 1 && shown[0].lastReply?.exposed == "450 later" && shown[0].due == later)
        #expect(shown[1].hold == .keyUnusable)
        fixture.advance(.seconds(3601))
        copies = try await store.lease(due: fixture.now, limit: 9)
        #expect(copies.map(\.id.index) == [0] && copies[0].delayWarned && copies[0].firstFailure != nil)
        let held = try await store.leaseHeld(due: fixture.now, limit: 9)
        #expect(held.map(\.hold) == [.keyUnusable])
        try await store.settle(held.map { CopyOutcome($0, .released) })
        #expect(try await store.lease(due: fixture.now, limit: 9).map(\.id.index) == [1])
        try await store.maintain()
        #expect(store.counts().discarded == 0)
        await store.close()
    }

    @Test("an operator holds, releases, retries and drops; a key's hold is not released into clear")
    func operatorActions() async throws {
        let store = try fixture.open()
        let message = try fixture.message("x")
        try await store.enqueue(message)
        #expect(try await store.hold(message.id, until: fixture.now + .seconds(86400)) == 1)
        #expect(try await store.lease(due: fixture.now, limit: 1).isEmpty)
        #expect(try await store.release(message.id) == 1)
        let copy = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        #expect(try await store.drop(message.id) == 0)
        try await store.settle([CopyOutcome(copy, .deferred(until: fixture.now + .seconds(3600), reply: ""))])
        #expect(try await store.lease(due: fixture.now, limit: 1).isEmpty)
        #expect(try await store.retryNow(message.id) == 1)
        let again = try #require(try await store.lease(due: fixture.now, limit: 1).first)
        try await store.settle([CopyOutcome(again, .held(.keyUnusable, until: fixture.now + .seconds(3600)))])
        #expect(try await store.release(message.id) == 1)
        #expect(try await store.lease(due: fixture.now, limit: 1).isEmpty)
        store.giveBack(try await store.leaseHeld(due: fixture.now, limit: 1))
        #expect(try await store.list(QueueFilter(states: [.held])).count == 1)
        #expect(try await store.peek(CopyID(message: message.id, index: 0))?.hold == .keyUnusable)
        #expect(try await store.drop(message.id) == 1)
        #expect(try await store.trace(message.id).map(\.state) == [.dropped])
        #expect(try fixture.count("chunks") == 0)
        await store.close()
    }

    @Test("an end of work on excluded next hops: others go on, and a busy one takes no more than its share")
    func nextHops() async throws {
        let store = try fixture.open()
        for index in 0..<20 {
            try await store.enqueue(try fixture.message([.bytes([1])], hop: index < 15 ? "dead" : "alive \(index)"))
        }
        let first = try await store.lease(due: fixture.now, limit: 100, limitPerHop: 3)
        #expect(first.count == 8)
        #expect(first.filter { $0.nextHopHint == "dead" }.count == 3)
        let dead = store.nextHop("dead")
        #expect(try await store.lease(due: fixture.now, limit: 100, limitPerHop: 3, underWay: [dead: 3]).isEmpty)
        #expect(store.nextDue(excluding: [dead]) == nil)
        #expect(store.nextDue() == fixture.now)
        #expect(try await store.lease(due: fixture.now, limit: 5).count == 5)
        store.giveBack(first)
        #expect(try await store.lease(due: fixture.now, limit: 100).count == 15)
        await store.close()
    }
}
