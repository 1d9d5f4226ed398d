// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail
import Testing

@testable import Pipeline

@Suite("What the author's domain asks for")
struct DMARCLookupTests {
    private func answer(_ name: String, _ texts: [String: String]) async throws -> DMARCLookup.Answer {
        var resolver = FixedResolver()
        for (place, text) in texts { resolver.txt("_dmarc." + place, text) }
        return await DMARCLookup(resolver: resolver).policy(of: try domain(name))
    }

    @Test("the domain's own record comes first, then the parent's word for what is below it")
    func order() async throws {
        let parent = ["bank.test": "v=DMARC1; p=reject; sp=none"]
        #expect(try await answer("bank.test", parent) == .policy(.reject))
        #expect(try await answer("a.b.bank.test", parent) == .policy(.none))
        #expect(try await answer("a.bank.test", ["bank.test": "v=DMARC1; p=quarantine"]) == .policy(.quarantine))
        let both = parent.merging(["a.bank.test": "v=DMARC1; p=quarantine"]) { $1 }
        #expect(try await answer("a.bank.test", both) == .policy(.quarantine))
        #expect(try await answer("b.a.bank.test", both) == .policy(.none))
        #expect(try await answer("other.test", parent) == .absent)
    }

    @Test("a public suffix speaks only for those below it that say nothing")
    func publicSuffix() async throws {
        let suffix = ["co.test": "v=DMARC1; p=reject; psd=y"]
        #expect(try await answer("shop.co.test", suffix) == .policy(.reject))
        let own = suffix.merging(["shop.co.test": "v=DMARC1; p=none"]) { $1 }
        #expect(try await answer("mail.shop.co.test", own) == .policy(.none))
        let end = ["shop.co.test": "v=DMARC1; p=none; psd=n", "co.test": "v=DMARC1; p=reject"]
        #expect(try await answer("mail.shop.co.test", end) == .policy(.none))
    }

    @Test("no answer, a bogus one and several records")
    func failures() async throws {
        for bad in [DNSAnswer.failed, DNSAnswer(security: .bogus)] {
            var resolver = FixedResolver()
            resolver.put("_dmarc.bank.test", .txt, bad)
            #expect(await DMARCLookup(resolver: resolver).policy(of: try domain("bank.test")) == .unknown)
            #expect(await DMARCLookup(resolver: resolver).policy(of: try domain("a.bank.test")) == .unknown)
        }
        var resolver = FixedResolver()
        resolver.txt("_dmarc.bank.test", "v=DMARC1; p=none", "v=DMARC1; p=reject")
        #expect(await DMARCLookup(resolver: resolver).policy(of: try domain("bank.test")) == .absent)
        resolver.txt("_dmarc.bank.test", "v=spf1 -all", "v=DMARC1; p=reject")
        #expect(await DMARCLookup(resolver: resolver).policy(of: try domain("bank.test")) == .policy(.reject))
    }

    @Test("at most eight names are asked")
    func depth() throws {
        let long = (1...20).map { "l\($0)" }.joined(separator: ".")
        #expect(DMARCLookup.parents(of: long).count == 7)
        #expect(DMARCLookup.parents(of: "a.b.test") == ["b.test", "test"])
        #expect(DMARCLookup.parents(of: "test").isEmpty)
    }
}
