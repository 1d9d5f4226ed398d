// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
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

    @Test("slots run out in all and per next hop, and come back")
    func slots() {
        let slots = DispatchSlots(limit: 3, limitPerHop: 2)
        #expect(slots.free == 3 && slots.busyHops.isEmpty)
        slots.take(Self.hop(1))
        #expect(slots.busyHops.isEmpty)
        slots.take(Self.hop(1))
        #expect(slots.free == 1 && slots.busyHops == [Self.hop(1)])
        slots.take(Self.hop(2))
        slots.take(Self.hop(2))
        #expect(slots.free == 0 && slots.busyHops == [Self.hop(1), Self.hop(2)])
        slots.giveBack(Self.hop(1))
        #expect(slots.free == 0 && slots.busyHops == [Self.hop(2)])
        for hop in [1, 2, 2] as [UInt8] { slots.giveBack(Self.hop(hop)) }
        #expect(slots.free == 3 && slots.busyHops.isEmpty)
    }

    @Test("one next hop never has more slots than there are, and there is always one", arguments: [0, 1, 5])
    func limits(limit: Int) {
        let slots = DispatchSlots(limit: limit, limitPerHop: 100)
        #expect(slots.free == max(1, limit))
        for _ in 0..<max(1, limit) {
            #expect(slots.busyHops.isEmpty)
            slots.take(Self.hop(1))
        }
        #expect(slots.free == 0 && slots.busyHops == [Self.hop(1)])
    }
}
