// SPDX-License-Identifier: Apache-2.0

import Privacy
import Testing

@testable import Store

@Suite("The queue's picture in memory")
struct QueueIndexTests {
    @Test("leases agree with a plain list, whatever is done in whatever order", arguments: 0..<20)
    func model(seed: Int) {
        var generator = SplitMix(state: UInt64(seed) &* 7919 &+ 1)
        var index = QueueIndex()
        var model: [Int64: (due: Int64, hop: UInt8, leased: Bool)] = [:]
        var nextID: Int64 = 1
        for step in 0..<600 {
            let now = Int64(step)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1:
                let hop = UInt8.random(in: 0..<5, using: &generator)
                let due = now + Int64.random(in: -5..<40, using: &generator)
                let row = CopyRow(message: nextID, index: 0)
                index.insert(
                    row,
                    state: .ready,
                    due: WallTime(milliseconds: due),
                    nextHop: NextHopHash([hop]),
                    content: nextID,
                    epoch: 1,
                    lookup: 0,
                    size: 0
                )
                model[row.number] = (due, hop, false)
                nextID += 1
            case 2, 3:
                let excluded = UInt8.random(in: 0..<5, using: &generator)
                let limit = Int.random(in: 1..<4, using: &generator)
                let taken = index.lease(
                    due: WallTime(milliseconds: now),
                    limit: limit,
                    limitPerHop: .max,
                    underWay: [NextHopHash([excluded]): .max]
                )
                let eligible = model.filter { !$0.value.leased && $0.value.due <= now && $0.value.hop != excluded }
                #expect(taken.count == min(limit, eligible.count))
                let expected = eligible.map(\.value.due).sorted().prefix(taken.count)
                #expect(taken.compactMap { model[$0.number]?.due } == Array(expected))
                for row in taken { model[row.number]?.leased = true }
            case 4:
                guard let leased = model.first(where: { $0.value.leased }) else { continue }
                let row = CopyRow(number: leased.key)
                if Bool.random(using: &generator) {
                    index.remove(row, size: 0)
                    model[leased.key] = nil
                } else {
                    index.change(row, state: .ready, due: WallTime(milliseconds: now + 10), size: 0)
                    model[leased.key] = (now + 10, leased.value.hop, false)
                }
            default:
                guard let leased = model.first(where: { $0.value.leased }) else { continue }
                index.giveBack(CopyRow(number: leased.key))
                model[leased.key]?.leased = false
            }
            let next = model.values.filter { !$0.leased && $0.hop != 1 }.map(\.due).min()
            #expect(index.nextReady(excluding: [NextHopHash([1])])?.milliseconds == next)
            #expect(index.leased == model.values.count { $0.leased })
        }
    }

    @Test("the heap gives items in order")
    func heap() {
        var generator = SplitMix(state: 42)
        var heap = DueHeap()
        let numbers = (0..<500).map { _ in Int64.random(in: 0..<100, using: &generator) }
        for (id, due) in numbers.enumerated() { heap.insert(.init(due: due, id: Int64(id))) }
        var taken: [Int64] = []
        while let item = heap.removeFirst() { taken.append(item.due) }
        #expect(taken == numbers.sorted())
    }

    @Test("row coding takes any bytes")
    func rowCoding() throws {
        var generator = SplitMix(state: 7)
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0..<80, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            _ = try? MessageRecord(decoding: [1] + bytes)
            _ = try? CopyProgress(decoding: [1] + bytes)
            _ = try? RecordBody(decoding: [1] + bytes)
        }
        let progress = CopyProgress(
            attempts: 300,
            firstFailure: WallTime(milliseconds: -5),
            delayWarned: true,
            lastReply: "ü",
            hold: .policy
        )
        #expect(try CopyProgress(decoding: progress.encoded()) == progress)
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
