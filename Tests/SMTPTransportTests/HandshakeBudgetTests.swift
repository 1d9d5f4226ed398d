// SPDX-License-Identifier: Apache-2.0

import SMTPWire
import Testing

@testable import SMTPTransport

@Suite("Handshakes that clients leave unfinished")
struct HandshakeBudgetTests {
    private static let start = ContinuousClock.now
    private static let one: [UInt8] = [192, 0, 2, 1]

    @Test("are so many at once, and one more a second")
    func limit() {
        var budget = HandshakeBudget()
        for _ in 0..<60 {
            #expect(budget.hasRoom(Self.one, at: Self.start))
            budget.begin(Self.one, at: Self.start)
        }
        #expect(!budget.hasRoom(Self.one, at: Self.start))
        #expect(budget.hasRoom([192, 0, 2, 2], at: Self.start))
        #expect(!budget.hasRoom(Self.one, at: Self.start + .milliseconds(900)))
        #expect(budget.hasRoom(Self.one, at: Self.start + .seconds(1)))
    }

    @Test("count only while they are unfinished")
    func finished() {
        var budget = HandshakeBudget()
        for _ in 0..<1000 {
            budget.begin(Self.one, at: Self.start)
            budget.finish(Self.one, at: Self.start)
        }
        #expect(budget.hasRoom(Self.one, at: Self.start))
    }

    @Test("of any number of clients need bounded memory")
    func memory() {
        var budget = HandshakeBudget()
        for number in 0..<40_000 {
            budget.begin([UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255)], at: Self.start)
        }
        #expect(budget.clients <= HandshakeBudget.mostClients)
    }

    @Test(
        "row_58: those of one /64 are turned away together, and nobody else",
        arguments: ["2001:db8::1", "2001:db8::2:3:4:5"]
    )
    func row_58(other: String) throws {
        let now = Self.start
        let limits = ConnectionLimits(maxPerClient: 1000, now: { now })
        let flooding = IPAddress("2001:db8::ffff")
        for _ in 0..<60 { limits.noteHandshake(try #require(limits.admit(flooding)), isFinished: false) }
        #expect(limits.admit(flooding) == nil)
        #expect(limits.admit(IPAddress(other)) == nil)
        #expect(limits.admit(IPAddress("2001:db8:0:1::1")) != nil)
        #expect(limits.refused.perClient == 2)
    }
}
