// SPDX-License-Identifier: Apache-2.0

import Foundation
import Privacy
import Testing

@testable import Gateway

@Suite("A new key in place of an old one")
struct KeptCertificatesTests {
    private static let day = Duration.seconds(86_400)
    private static let start = WallTime(seconds: 1_800_000_000)

    private static func chain(
        _ pin: UInt8,
        _ names: [String] = ["mx.test"],
        expires: Int = 90
    ) -> KeptCertificates.Chain {
        KeptCertificates.Chain(
            certificates: [Data([pin])],
            key: Data([pin]),
            pin: Data([pin]),
            kind: "ECDSA P-256",
            names: names,
            expires: start + day * expires
        )
    }

    private static func at(_ days: Int) -> WallTime { start + day * days }

    private static func upcoming(_ pin: UInt8, since: Int = 0) -> KeptCertificates.Upcoming {
        KeptCertificates.Upcoming(
            pin: Data([pin]),
            kind: "ECDSA P-256",
            names: ["mx.test"],
            since: at(since),
            made: "PEM"
        )
    }

    @Test("is used at once where nothing is published, and where it is no new key")
    func atOnce() {
        var kept = KeptCertificates()
        #expect(kept.take(Self.chain(1), others: [], now: Self.at(0)) == .live)
        #expect(kept.take(Self.chain(2), others: [], now: Self.at(1)) == .live)
        #expect(kept.live.map(\.pin) == [Data([2])] && kept.former.isEmpty)
        kept.publishedSince = Self.at(2)
        #expect(kept.take(Self.chain(2), others: [], now: Self.at(3)) == .live)
        // That of the settings' file is in use too.
        #expect(kept.take(Self.chain(9), others: [Data([9])], now: Self.at(3)) == .live)
    }

    @Test("is used at once when there is no old one, whatever is published")
    func first() {
        var kept = KeptCertificates()
        kept.publishedSince = Self.at(0)
        #expect(kept.take(Self.chain(1), others: [], now: Self.at(0)) == .live)
    }

    @Test("waits 8 days after its record was published, and the old pin stays for 8 more")
    func staged() {
        var kept = KeptCertificates()
        _ = kept.take(Self.chain(1), others: [], now: Self.at(0))
        kept.publishedSince = Self.at(0)
        #expect(kept.take(Self.chain(2), others: [], now: Self.at(1)) == .staged(Self.at(9)))
        // The same once more does not begin anew.
        #expect(kept.take(Self.chain(2), others: [], now: Self.at(3)) == .staged(Self.at(9)))
        #expect(kept.advance(to: Self.at(9) + .seconds(-1)) == 0)
        #expect(kept.live.map(\.pin) == [Data([1])])
        #expect(kept.advance(to: Self.at(9)) == 1)
        #expect(kept.live.map(\.pin) == [Data([2])] && kept.upcoming.isEmpty)
        #expect(kept.former.map(\.pin) == [Data([1])])
        // Back to the old one while its record is still there.
        var back = kept
        #expect(back.take(Self.chain(1), others: [], now: Self.at(10)) == .live)
        #expect(kept.advance(to: Self.at(17)) == 0)
        #expect(kept.former.isEmpty)
    }

    @Test("that was made ahead waits from its making, not from its certificate")
    func ahead() {
        var kept = KeptCertificates()
        _ = kept.take(Self.chain(1), others: [], now: Self.at(0))
        kept.publishedSince = Self.at(0)
        kept.upcoming = [Self.upcoming(2)]
        #expect(kept.advance(to: Self.at(20)) == 0)
        #expect(kept.take(Self.chain(2), others: [], now: Self.at(20)) == .live)
    }

    @Test("waits for the statement where there is one")
    func stated() {
        var kept = KeptCertificates()
        _ = kept.take(Self.chain(1), others: [], now: Self.at(0))
        kept.noteStatement([Data([1])], now: Self.at(0))
        #expect(kept.take(Self.chain(2), others: [], now: Self.at(1)) == .staged(nil))
        #expect(kept.advance(to: Self.at(30)) == 0)
        kept.noteStatement([Data([1]), Data([2])], now: Self.at(31))
        kept.noteStatement([Data([1]), Data([2])], now: Self.at(35))
        #expect(kept.advance(to: Self.at(38)) == 0)
        #expect(kept.advance(to: Self.at(39)) == 1)
    }

    @Test("used before its time keeps both pins")
    func hurried() {
        var kept = KeptCertificates()
        _ = kept.take(Self.chain(1), others: [], now: Self.at(0))
        kept.publishedSince = Self.at(0)
        _ = kept.take(Self.chain(2), others: [], now: Self.at(1))
        #expect(kept.hurry(now: Self.at(2)) == 1)
        #expect(kept.live.map(\.pin) == [Data([2])] && kept.former.map(\.pin) == [Data([1])])
        #expect(kept.hurry(now: Self.at(2)) == 0)
    }

    @Test("leaves those alone whose names it does not cover")
    func names() {
        var kept = KeptCertificates()
        _ = kept.take(Self.chain(1, ["a.x.test", "b.x.test"]), others: [], now: Self.at(0))
        _ = kept.take(Self.chain(2, ["b.x.test"]), others: [], now: Self.at(0))
        #expect(kept.live.count == 2)
        #expect(kept.chain(for: "a.x.test")?.pin == Data([1]) && kept.chain(for: "b.x.test")?.pin == Data([2]))
        _ = kept.take(Self.chain(3, ["*.x.test"]), others: [], now: Self.at(0))
        #expect(kept.live.map(\.pin) == [Data([3])])
        #expect(kept.chain(for: "y.a.x.test") == nil)
    }

    @Test("that would come too late is told of 10 days ahead")
    func late() {
        var kept = KeptCertificates()
        _ = kept.take(Self.chain(1, expires: 15), others: [], now: Self.at(0))
        kept.publishedSince = Self.at(0)
        let late = { (kept: KeptCertificates, day: Int) in
            kept.expiresBeforeNext(within: Self.day * 10, of: Self.at(day), others: [])
        }
        #expect(!late(kept, 14))
        kept.upcoming = [Self.upcoming(2, since: 8)]
        #expect(!late(kept, 4) && late(kept, 5))
        kept.upcoming = [Self.upcoming(2, since: 7)]
        #expect(!late(kept, 14))
    }
}
