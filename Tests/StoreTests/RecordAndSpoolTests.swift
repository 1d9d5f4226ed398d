// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Mail
import Privacy
import Testing
import Vault

@testable import Store

@Suite("Records, spools and budgets")
struct RecordAndSpoolTests {
    private let fixture: StoreFixture

    init() throws { fixture = try StoreFixture() }

    @Test("a record is found by id and by each look-up, replaced in place, removed whole, and survives a restart")
    func records() async throws {
        var store = try fixture.openRecords()
        try await store.put(
            kind: .certificate,
            id: [1],
            lookups: ["a-canary@x", "b@x"],
            value: Array("VALUE-CANARY".utf8)
        )
        try await store.put(kind: .certificate, id: [2], lookups: ["a-canary@x"], value: [2])
        try await store.put(kind: .account, id: [1], lookups: ["a-canary@x"], value: [3])
        #expect(try await store.find(.certificate, lookup: "a-canary@x").map(\.id) == [[1], [2]])
        #expect(try await store.find(.account, lookup: "a-canary@x").map(\.value) == [[3]])
        #expect(try !fixture.scan(for: Array("VALUE-CANARY".utf8)) && !fixture.scan(for: Array("a-canary".utf8)))
        try await store.put(kind: .certificate, id: [1], lookups: ["b@x"], value: [9])
        #expect(try await store.find(.certificate, lookup: "a-canary@x").map(\.id) == [[2]])
        await store.close()
        store = try fixture.openRecords()
        #expect(try await store.all(.certificate).map(\.value) == [[9], [2]])
        #expect(try await store.get(.certificate, id: [1])?.value == [9])
        try await store.remove(.certificate, id: [1])
        #expect(try await store.find(.certificate, lookup: "b@x").isEmpty)
        #expect(try fixture.query("SELECT count(*) FROM lookups", file: "keys.sqlite") == 2)
        await store.close()
    }

    @Test("an expired record is not found, and deleted when asked")
    func expiry() async throws {
        let store = try fixture.openRecords()
        try await store.put(kind: .callAhead, id: [1], value: [1], expires: fixture.now + .seconds(10))
        #expect(try await store.get(.callAhead, id: [1]) != nil)
        fixture.advance(.seconds(10))
        #expect(try await store.get(.callAhead, id: [1]) == nil)
        try await store.removeExpired()
        #expect(try fixture.query("SELECT count(*) FROM records", file: "keys.sqlite") == 0)
        await store.close()
    }

    @Test("a record that was moved or changed is set aside, the others are found")
    func tampering() async throws {
        let store = try fixture.openRecords()
        try await store.put(kind: .peer, id: [1], value: [1])
        try await store.put(kind: .peer, id: [2], value: [2])
        try await DatabaseQueue(path: fixture.directory + "/keys.sqlite").write { db in
            try db.execute(sql: "UPDATE records SET sealed = (SELECT sealed FROM records WHERE row = 2) WHERE row = 1")
        }
        #expect(try await store.all(.peer).map(\.value) == [[2]])
        #expect(try await store.countSetAside() == 1)
        #expect(fixture.sink.lines(after: 0).contains { $0.message.contains("set aside") })
        try await store.put(kind: .peer, id: [1], value: [7])
        #expect(try await store.get(.peer, id: [1])?.value == [7])
        #expect(try await store.countSetAside() == 0)
        await store.close()
    }

    @Test(
        "a spool gives back what went in, in memory and from its file",
        arguments: [0, 1, 65535, 65536, 65537, 131_072, 200_000, 1_000_000, 3_000_001]
    )
    func spool(size: Int) async throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let budget = ByteBudget(limit: 1 << 20)
        let bytes = (0..<size).map(PatternSource.byte)
        do {
            let spool = BodySpool(directory: fixture.directory, memoryLimit: 128 << 10, budget: budget)
            for start in stride(from: 0, to: size, by: 10_007) {
                try await spool.append(bytes[start..<min(size, start + 10_007)])
            }
            let source = try await spool.finish()
            #expect(source.count == size)
            #expect(try await readAll(source) == bytes)
            #expect(try await source.read(at: size, maxCount: 10).isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory).isEmpty)
            #expect(budget.used == (size <= 128 << 10 ? size : 0))
        }
        #expect(budget.used == 0)
    }

    @Test("a spool's file is sealed")
    func spoolIsSealed() async throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let spool = BodySpool(directory: fixture.directory, memoryLimit: 65536, budget: ByteBudget(limit: 1 << 20))
        try await spool.append([UInt8](repeating: 0x5a, count: 300_000))
        let source = try await spool.finish()
        var hits = 0
        var files = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            let path = "/proc/self/fd/" + name
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path),
                target.hasPrefix(fixture.directory), let data = FileManager.default.contents(atPath: path)
            else { continue }
            files += 1
            if data.range(of: Data(repeating: 0x5a, count: 16)) != nil { hits += 1 }
        }
        #expect(files == 1 && hits == 0)
        #expect(source.count == 300_000)
    }

    @Test("a spent budget refuses, and is whole again when the spools are gone")
    func budgets() async throws {
        let budget = ByteBudget(limit: 100_000)
        #expect(budget.reserve(100_000) && !budget.reserve(1) && !budget.reserve(-1))
        budget.release(100_000)
        do {
            let first = BodySpool(directory: fixture.directory, budget: budget)
            let second = BodySpool(directory: fixture.directory, budget: budget)
            try await first.append([UInt8](repeating: 1, count: 60_000))
            await #expect(throws: StoreError.overBudget) {
                try await second.append([UInt8](repeating: 1, count: 60_000))
            }
            try await second.append([UInt8](repeating: 1, count: 40_000))
            #expect(budget.used == 100_000)
        }
        #expect(budget.used == 0)
    }
}
