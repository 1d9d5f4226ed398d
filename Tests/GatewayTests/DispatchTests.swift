// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import Settings
import Store
import Testing
import Vault

@testable import Gateway

@Suite("What the dispatcher starts together")
struct DispatchTests {
    private static func hop(_ byte: UInt8) -> NextHopHash { NextHopHash([UInt8](repeating: byte, count: 16)) }

    @Test("copies travel together when they share a content and a next hop, and only then")
    func grouped() async throws {
        let directory = NSTemporaryDirectory() + "postern-dispatch-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = WallTime(seconds: 1_790_000_000)
        let time = Time(wall: { now }, boot: { BootTime(milliseconds: 0) })
        let queue = try QueueStore.open(directory: directory, vault: try Vault.ephemeral(), time: time, log: .none)
        let rows: [(String, content: Int, hop: String)] = [
            ("a@one.test", 0, "one"), ("b@one.test", 0, "one"), ("c@two.test", 0, "two"), ("d@one.test", 1, "one"),
            ("e@two.test", 0, "two"),
        ]
        for _ in 0..<2 {
            let copies = try rows.map { row in
                NewCopy(
                    recipient: try #require(EmailAddress(row.0)),
                    content: row.content,
                    protection: "clear",
                    nextHopHint: row.hop
                )
            }
            let envelope = Envelope(reversePath: .null, origin: .ours, arrival: now, protocolName: "LOCAL")
            let contents = [NewContent.bytes([65]), .bytes([66])]
            try await queue.enqueue(NewMessage(envelope: envelope, contents: contents, copies: copies))
        }
        let leased = try await queue.lease(due: now, limit: 100)
        try #require(leased.count == 10)
        let groups = Dispatcher.grouped(leased)
        let names = groups.map { $0.map(\.recipient.localPart).sorted().joined() }
        #expect(names.sorted() == ["ab", "ab", "ce", "ce", "d", "d"])
        for group in groups {
            #expect(Set(group.map(\.id.message)).count == 1 && Set(group.map(\.nextHop)).count == 1)
        }
        #expect(Dispatcher.grouped([]).isEmpty)
        await queue.close()
    }

    @Test("slots run out in all and come back, and tell when somebody may have waited for one")
    func slots() {
        let slots = DispatchSlots(limit: 3, limitPerHop: 2)
        #expect(slots.free == 3 && slots.underWay.isEmpty)
        slots.take(Self.hop(1))
        slots.take(Self.hop(1))
        #expect(slots.free == 1 && slots.underWay == [Self.hop(1): 2])
        slots.take(Self.hop(2))
        #expect(slots.free == 0 && slots.underWay == [Self.hop(1): 2, Self.hop(2): 1])
        #expect(!slots.leave(Self.hop(2)))
        #expect(slots.leave(Self.hop(1)), "the next hop had all it may have")
        #expect(!slots.leave(Self.hop(1)))
        #expect(slots.free == 0 && slots.underWay.isEmpty, "outcomes are still to be written")
        #expect(slots.giveBack(), "there was no slot left")
        #expect(!slots.giveBack() && !slots.giveBack())
        #expect(slots.free == 3)
    }

    @Test("a dead next hop with a long backlog leaves slots to the others")
    func deadHop() async throws {
        let directory = NSTemporaryDirectory() + "postern-dispatch-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let now = WallTime(seconds: 1_790_000_000)
        let time = Time(wall: { now }, boot: { BootTime(milliseconds: 0) })
        let queue = try QueueStore.open(directory: directory, vault: try Vault.ephemeral(), time: time, log: .none)
        let envelope = Envelope(reversePath: .null, origin: .ours, arrival: now, protocolName: "LOCAL")
        let recipients = try (0..<5).map { try #require(EmailAddress("r\($0)@one.test")) }
        func enqueue(_ number: Int, to recipients: ArraySlice<EmailAddress>, hop: String) async throws {
            for _ in 0..<number {
                let copies = recipients.map { NewCopy(recipient: $0, protection: "clear", nextHopHint: hop) }
                try await queue.enqueue(NewMessage(envelope: envelope, contents: [.bytes([65])], copies: copies))
            }
        }
        try await enqueue(40, to: recipients[...], hop: "dead")
        try await enqueue(2, to: recipients[..<1], hop: "alive")
        let settings = DeliverySettings()
        let slots = DispatchSlots(limit: settings.connectionsTotal, limitPerHop: settings.connectionsPerDomain)
        for _ in 0..<3 {
            let leased = try await queue.lease(
                due: now,
                limit: slots.free,
                limitPerHop: slots.limitPerHop,
                underWay: slots.underWay
            )
            for group in Dispatcher.grouped(leased) { slots.take(group[0].nextHop) }
        }
        // A delivery carries all copies of its content, however many there are.
        #expect(slots.underWay == [queue.nextHop("dead"): settings.connectionsPerDomain, queue.nextHop("alive"): 2])
        #expect(slots.free > settings.connectionsTotal / 2)
        await queue.close()
    }

    @Test("one next hop never has more slots than there are, and there is always one", arguments: [0, 1, 5])
    func limits(limit: Int) {
        let slots = DispatchSlots(limit: limit, limitPerHop: 100)
        #expect(slots.free == max(1, limit))
        for _ in 0..<max(1, limit) {
            #expect((slots.underWay[Self.hop(1)] ?? 0) < slots.limitPerHop)
            slots.take(Self.hop(1))
        }
        #expect(slots.free == 0 && slots.underWay[Self.hop(1)] == slots.limitPerHop)
    }
}
