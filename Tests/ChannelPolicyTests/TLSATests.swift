// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChannelPolicy

@Suite("TLSA records")
struct TLSATests {
    static let digest32 = [UInt8](repeating: 7, count: 32)
    static let digest64 = [UInt8](repeating: 9, count: 64)

    @Test(
        "which records can be used",
        arguments: [
            (3, 1, 1, 32, nil), (3, 0, 2, 64, nil), (2, 0, 1, 32, nil), (2, 1, 2, 64, nil),
            (0, 0, 1, 32, .publicAuthority), (1, 1, 1, 32, .publicAuthority), (4, 1, 1, 32, .unknownUsage),
            (255, 1, 1, 32, .unknownUsage), (3, 2, 1, 32, .unknownSelector), (3, 255, 1, 32, .unknownSelector),
            (3, 1, 3, 32, .unknownMatching), (3, 1, 255, 32, .unknownMatching),
            (3, 1, 1, 0, .digestLength(found: 0)), (3, 1, 1, 31, .digestLength(found: 31)),
            (3, 1, 1, 33, .digestLength(found: 33)), (3, 1, 2, 32, .digestLength(found: 32)),
            (2, 0, 1, 64, .digestLength(found: 64)), (3, 0, 0, 0, .malformed), (3, 1, 0, 5, .malformed),
            (2, 0, 0, 32, .malformed), (2, 1, 0, 400, .malformed),
        ] as [(UInt8, UInt8, UInt8, Int, UsableTLSA.Unusable?)]
    )
    func usable(usage: UInt8, selector: UInt8, matching: UInt8, length: Int, fault: UsableTLSA.Unusable?) {
        let data = [UInt8](repeating: 1, count: length)
        let record = TLSARecord(usage: usage, selector: selector, matching: matching, data: data)
        do throws(UsableTLSA.Unusable) {
            let usable = try UsableTLSA(record)
            #expect(fault == nil && usable.record == record)
        } catch {
            #expect(error == fault)
        }
        let set = TLSASet([record])
        #expect(set.isUsable == (fault == nil))
        #expect(set.passedOver.map(\.reason) == (fault.map { [.unusable($0)] } ?? []))
    }

    @Test("of digests for one usage and selector the strongest counts, and full records always (RFC 7671 section 9)")
    func agility() throws {
        let server = try Mint.issue()
        let other = try Mint.issue()
        let records = try [
            server.record(3, 1, 1), server.record(3, 1, 2), server.record(3, 1, 0), other.record(3, 0, 1),
            other.record(2, 1, 1), TLSARecord(usage: 3, selector: 0, matching: 2, data: [1, 2, 3]),
        ]
        let set = TLSASet(records)
        #expect(set.usable.map(\.record) == [records[1], records[2], records[3], records[4]])
        let reasons = Dictionary(uniqueKeysWithValues: set.passedOver.map { ($0.record, $0.reason) })
        #expect(reasons[records[0]] == .weakerDigest)
        #expect(
            reasons[records[5]] == .unusable(.digestLength(found: 3)),
            "a malformed stronger digest must not put a good weaker one aside"
        )
        #expect(set.hasTrustAnchor)
    }

    @Test("records given twice count once, and thousands are cut off")
    func limits() {
        let same = TLSARecord(usage: 3, selector: 1, matching: 1, data: Self.digest32)
        #expect(TLSASet([same, same]).usable.count == 1)
        let many = (0..<5000).map { index in
            TLSARecord(
                usage: 3,
                selector: 1,
                matching: 1,
                data: Self.digest32.dropLast(2) + [UInt8(index >> 8), UInt8(index & 255)]
            )
        }
        let set = TLSASet(many)
        #expect(set.usable.count == 100)
        #expect(set.passedOver.count == 4900 && set.passedOver.allSatisfy { $0.reason == .overLimit })
        #expect(TLSASet([]).usable.isEmpty)
    }

    @Test("a record reads as in a zone file")
    func text() {
        #expect(TLSARecord(usage: 3, selector: 1, matching: 1, data: [0, 0xab, 255]).text == "3 1 1 00abff")
        #expect(TLSAPlan.name(base: "mx.test", port: 25) == "_25._tcp.mx.test")
    }
}

@Suite("Finding TLSA records")
struct DANELookupTests {
    private static let all = LookupSecurity.allCases

    /// Every security of the MX records, the addresses and the alias, with and without an alias.
    @Test("what is asked follows RFC 7672 section 2.2", arguments: all, all)
    func plan(mx: LookupSecurity, address: LookupSecurity) {
        for expanded in [nil, "real.test"] as [String?] {
            for alias in [nil] + Self.all.map(Optional.some) {
                let plan = TLSAPlan.plan(
                    mx: MailHostsLookup(domain: "test", security: mx),
                    host: HostLookup(host: "mx.test", security: address, expandedHost: expanded, aliasSecurity: alias)
                )
                #expect(plan == Self.expected(mx, address, expanded, alias))
            }
        }
    }

    private static func expected(
        _ mx: LookupSecurity,
        _ address: LookupSecurity,
        _ expanded: String?,
        _ alias: LookupSecurity?
    ) -> TLSAPlan {
        if mx == .bogus || mx == .failed { return .unavailable(.init(.mx, mx)) }
        if mx == .insecure { return .notApplicable(.insecureMX) }
        if address == .bogus || address == .failed { return .unavailable(.init(.address, address)) }
        if address == .secure { return .ask(expanded == nil ? ["mx.test"] : ["real.test", "mx.test"]) }
        guard expanded != nil else { return .notApplicable(.insecureAddress) }
        switch alias {
        case nil: return .askAlias("mx.test")
        case .secure: return .ask(["mx.test"])
        case .insecure: return .notApplicable(.insecureAddress)
        case .bogus: return .unavailable(.init(.alias, .bogus))
        case .failed: return .unavailable(.init(.alias, .failed))
        }
    }

    @Test("an address in place of a host has no records")
    func literal() {
        let plan = TLSAPlan.plan(
            mx: MailHostsLookup(domain: "test", security: .secure),
            host: HostLookup(host: "192.0.2.1", isAddress: true, security: .secure)
        )
        #expect(plan == .notApplicable(.addressLiteral))
    }

    private static let mx = MailHostsLookup(domain: "example.test", expandedDomain: "hosted.test", security: .secure)
    private static let good = TLSARecord(usage: 3, selector: 1, matching: 1, data: TLSATests.digest32)
    private static let useless = TLSARecord(usage: 1, selector: 1, matching: 1, data: TLSATests.digest32)

    @Test(
        "a single name: absence must be proven, a failure blocks, a useless set still wants TLS",
        arguments: [
            (TLSAAnswer(.secure, [good]), "match"), (TLSAAnswer(.secure, [useless]), "encrypt"),
            (TLSAAnswer(.secure, [useless, good]), "match"), (TLSAAnswer(.secure), "absent"),
            (TLSAAnswer(.insecure, [good]), "insecure"), (TLSAAnswer(.insecure), "insecure"),
            (TLSAAnswer(.bogus, [good]), "bogus"), (TLSAAnswer(.failed), "failed"),
        ] as [(TLSAAnswer, String)]
    )
    func single(answer: TLSAAnswer, expected: String) {
        let (facts, steps) = DANEFacts.decide(.ask(["mx.test"]), [answer], mx: Self.mx)
        switch facts {
        case .mustMatch(let requirement):
            #expect(expected == "match")
            #expect(requirement.references == ["mx.test", "example.test", "hosted.test"])
            #expect(requirement.base == "mx.test")
        case .mustEncrypt(let base, _): #expect(expected == "encrypt" && base == "mx.test")
        case .notApplicable(.provenAbsent): #expect(expected == "absent")
        case .notApplicable(.insecureTLSA): #expect(expected == "insecure")
        case .unavailable(let failure):
            #expect(failure.question == .tlsa && failure.security.rawValue == expected)
        case .notApplicable: Issue.record("an absence with another reason")
        }
        #expect(steps.count == 1)
    }

    @Test("of two names the expanded one goes first, and the first with secure records counts")
    func candidates() {
        let plan = TLSAPlan.ask(["real.test", "mx.test"])
        let base = { (first: TLSAAnswer, second: TLSAAnswer) -> String in
            switch DANEFacts.decide(plan, [first, second], mx: Self.mx).facts {
            case .mustMatch(let requirement): requirement.base
            case .mustEncrypt(let base, _): "encrypt \(base)"
            case .notApplicable(let reason): reason.rawValue
            case .unavailable(let failure): failure.security.rawValue
            }
        }
        let found = TLSAAnswer(.secure, [Self.good])
        #expect(base(found, found) == "real.test")
        #expect(base(found, TLSAAnswer(.failed)) == "real.test", "what is not needed can't fail")
        #expect(base(TLSAAnswer(.secure), found) == "mx.test")
        #expect(base(TLSAAnswer(.insecure, [Self.good]), found) == "mx.test")
        #expect(base(TLSAAnswer(.secure, [Self.useless]), found) == "encrypt real.test")
        #expect(base(TLSAAnswer(.bogus), found) == "bogus")
        #expect(base(TLSAAnswer(.failed), found) == "failed")
        #expect(base(TLSAAnswer(.secure), TLSAAnswer(.bogus)) == "bogus")
        #expect(base(TLSAAnswer(.secure), TLSAAnswer(.secure)) == "provenAbsent")
        #expect(base(TLSAAnswer(.insecure), TLSAAnswer(.secure)) == "insecureTLSA")
        let missing = DANEFacts.decide(plan, [TLSAAnswer(.secure)], mx: Self.mx).facts
        #expect(missing == .unavailable(DANEFailure(.tlsa, .failed)), "an answer that was not asked for has failed")
    }

    @Test("the names of the examples in RFC 7672 section 3.2.2")
    func references() {
        let mx = MailHostsLookup(domain: "exchange.example.org", expandedDomain: "example.com", security: .secure)
        let names = { (base: String) -> [String] in
            guard
                case .mustMatch(let requirement) = DANEFacts.decide(
                    .ask([base]),
                    [TLSAAnswer(.secure, [Self.good])],
                    mx: mx
                ).facts
            else { return [] }
            return requirement.references
        }
        for base in ["mx10.example.com", "mx15.example.com", "mxbackup.example.net"] {
            #expect(names(base) == [base, "exchange.example.org", "example.com"])
        }
        #expect(names("example.com") == ["example.com", "exchange.example.org"])
    }

    @Test("of the answers for both families the best counts")
    func families() {
        #expect(LookupSecurity.best([.secure, .failed]) == .secure)
        #expect(LookupSecurity.best([.insecure, .bogus]) == .insecure)
        #expect(LookupSecurity.best([.failed, .bogus]) == .bogus)
        #expect(LookupSecurity.best([]) == .failed)
    }
}
