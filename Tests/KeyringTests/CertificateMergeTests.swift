// SPDX-License-Identifier: Apache-2.0

import OpenPGP
import Testing

@testable import Keyring

@Suite("Merging copies of a certificate")
struct CertificateMergeTests {
    @Test("merging is a union: the order does not matter for what is in it, and doing it again adds nothing")
    func union() throws {
        let whole = try CertificateReader.strip(try Fixture.certificate("revoked"))
        let older = try Fixture.withoutKeyRevocation(whole)
        let union = try CertificateMerge.merge(whole, whole)
        #expect(try CertificateMerge.merge(whole, older) == union)
        #expect(try CertificateMerge.merge(older, whole).count == union.count)
        #expect(try CertificateMerge.merge(union, whole) == union)
        #expect(try CertificateMerge.merge(older, older).count < union.count)
    }

    @Test("copies of different keys are not merged")
    func differentKeys() throws {
        let first = try CertificateReader.strip(try Fixture.certificate("cv25519"))
        let second = try CertificateReader.strip(try Fixture.certificate("p256"))
        #expect(throws: CertificateVerdict.malformed) { try CertificateMerge.merge(first, second) }
    }

    @Test("broken bytes give a verdict, never a trap")
    func brokenBytes() throws {
        let good = try CertificateReader.strip(try Fixture.certificate("cv25519"))
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var broken = good
            for _ in 0..<3 {
                broken[Int.random(in: 0..<broken.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            broken.removeLast(Int.random(in: 0..<broken.count / 2, using: &generator))
            _ = try? CertificateMerge.merge(good, broken)
            _ = try? CertificateMerge.merge(broken, good)
        }
        #expect(throws: CertificateVerdict.malformed) { try CertificateMerge.merge([], good) }
    }
}

@Suite("Memory for answers")
struct RecentCacheTests {
    @Test("it never holds more than its budget, and keeps what is used")
    func budget() {
        var cache = RecentCache<Int, Int>(budget: 100)
        for key in 0..<1000 {
            cache.insert(key, for: key, cost: 10)
            #expect(cache.value(for: 0) == 0)
        }
        let held = (0..<1000).count { cache.value(for: $0) != nil }
        #expect(held <= 12)
        cache.removeAll()
        #expect(cache.value(for: 0) == nil)
    }

    @Test("a value larger than the budget does not stay beside others")
    func large() {
        var cache = RecentCache<Int, Int>(budget: 100)
        cache.insert(1, for: 1, cost: 1_000_000)
        cache.insert(2, for: 2, cost: 10)
        cache.insert(3, for: 3, cost: 10)
        #expect(cache.value(for: 3) == 3)
    }
}
