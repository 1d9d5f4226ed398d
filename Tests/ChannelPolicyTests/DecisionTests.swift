// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChannelPolicy

/// The facts that decisions are made from in these tests.
enum Facts {
    static let now: Int64 = 1_790_000_000
    static let record = TLSARecord(usage: 3, selector: 1, matching: 1, data: TLSATests.digest32)
    static let useless = TLSARecord(usage: 0, selector: 1, matching: 1, data: TLSATests.digest32)
    static let requirement = DANERequirement([record], references: ["real.test", "example.test"])
    static let match = DANEFacts.mustMatch(requirement)
    static let encrypt = DANEFacts.mustEncrypt(base: "real.test", records: TLSASet([useless]))
    static let absent = DANEFacts.notApplicable(.provenAbsent)
    static let blocked = DANEFacts.unavailable(DANEFailure(.tlsa, .bogus))
    static let blockedMX = DANEFacts.unavailable(DANEFailure(.mx, .failed))
    static let onion = OnionRoute(address: "abc.onion", proof: .pinned)
    static let ratchet = RatchetEntry(domain: "example.test", host: "mx.example.test", lastEncrypted: now - 86_400)
    static let oldRatchet = RatchetEntry(
        domain: "example.test",
        host: "mx.example.test",
        lastEncrypted: now - 91 * 86_400
    )

    static var pin: Pin {
        get throws { try #require(Pin(.publicKey, sha256: TLSATests.digest32)) }
    }

    static var pins: PinSet {
        get throws { PinSet(.domain("example.test"), current: [try pin]) }
    }

    static func sts(_ mode: STSPolicy.Mode, _ hosts: [String] = ["*.example.test"]) -> STSFacts {
        .inForce(CachedSTS(id: "a1", policy: STSPolicy(mode: mode, maxAge: 86_400, hosts: hosts), fetchedAt: now))
    }

    static func make(_ change: (inout ChannelCase) throws -> Void = { _ in }) rethrows -> ChannelCase {
        var facts = ChannelCase(
            domain: "example.test",
            host: "mx.example.test",
            mx: .secure,
            level: 2,
            dane: absent,
            sts: .none(.record(.noRecord)),
            now: now
        )
        try change(&facts)
        return facts
    }
}

extension ChannelDecision {
    /// `rule demand`, or `rule !word`.
    var summary: String {
        switch verdict {
        case .connect(let channel): "\(channel.rule.rawValue) \(channel.demand.word)"
        case .skipHost(let fault): "\(fault.rule.rawValue) !\(fault.fixedWord)"
        case .deferDelivery(let fault): "\(fault.rule.rawValue) !!\(fault.fixedWord)"
        }
    }
}

extension ChannelDemand {
    var word: String {
        switch self {
        case .clearAllowed: "clear"
        case .encrypted: "encrypted"
        case .proven(.onion(_, let pins)): pins == nil ? "onion" : "onion+pins"
        case .proven(.pins): "pins"
        case .proven(.dane(let requirement)): "dane:\(requirement.base)"
        case .proven(.publicAuthority(let names)): "pki:\(names.joined(separator: ","))"
        }
    }
}

@Suite("Deciding on a channel")
struct DecisionTests {
    @Test("the first rule that holds decides")
    func order() throws {
        let rows: [(String, ChannelCase)] = try [
            ("opportunistic clear", Facts.make()),
            ("ratchet encrypted", Facts.make { $0.ratchet = Facts.ratchet }),
            ("opportunistic clear", Facts.make { $0.ratchet = Facts.oldRatchet }),
            ("mta-sts pki:mx.example.test", Facts.make { $0.sts = Facts.sts(.enforce) }),
            ("opportunistic clear", Facts.make { $0.sts = Facts.sts(.testing) }),
            ("opportunistic clear", Facts.make { $0.sts = Facts.sts(.none) }),
            ("mta-sts !host-not-in-policy", Facts.make { $0.sts = Facts.sts(.enforce, ["mx.other.test"]) }),
            ("opportunistic clear", Facts.make { $0.sts = Facts.sts(.testing, ["mx.other.test"]) }),
            (
                "mta-sts !host-not-in-policy",
                Facts.make {
                    $0.host = "192.0.2.1"
                    $0.hostIsAddress = true
                    $0.sts = Facts.sts(.enforce)
                }
            ),
            (
                "mta-sts pki:mx.example.test",
                Facts.make {
                    $0.sts = Facts.sts(.enforce)
                    $0.ratchet = Facts.ratchet
                }
            ),
            ("dane dane:real.test", Facts.make { $0.dane = Facts.match }),
            (
                "dane dane:real.test",
                Facts.make {
                    $0.dane = Facts.match
                    $0.sts = Facts.sts(.enforce, ["mx.other.test"])
                }
            ),
            ("dane encrypted", Facts.make { $0.dane = Facts.encrypt }),
            (
                "mta-sts pki:mx.example.test",
                Facts.make {
                    $0.dane = Facts.encrypt
                    $0.sts = Facts.sts(.enforce)
                }
            ),
            (
                "dane encrypted",
                Facts.make {
                    $0.dane = Facts.encrypt
                    $0.ratchet = Facts.ratchet
                }
            ),
            ("dane !bogus-dns", Facts.make { $0.dane = Facts.blocked }),
            (
                "dane !bogus-dns",
                Facts.make {
                    $0.dane = Facts.blocked
                    $0.sts = Facts.sts(.enforce)
                }
            ),
            ("dane !!name-service-failed", Facts.make { $0.dane = Facts.blockedMX }),
            (
                "pins pins",
                Facts.make {
                    $0.pins = try Facts.pins
                    $0.dane = Facts.blocked
                    $0.sts = Facts.sts(.enforce, ["mx.other.test"])
                }
            ),
            (
                "onion onion",
                Facts.make {
                    $0.onion = Facts.onion
                    $0.dane = Facts.match
                }
            ),
            (
                "onion onion+pins",
                Facts.make {
                    $0.onion = Facts.onion
                    $0.pins = try Facts.pins
                }
            ),
            ("level encrypted", Facts.make { $0.level = 3 }), ("opportunistic clear", Facts.make { $0.level = 1 }),
            (
                "dane dane:real.test",
                Facts.make {
                    $0.level = 3
                    $0.dane = Facts.match
                }
            ),
        ]
        for (index, (expected, facts)) in rows.enumerated() {
            #expect(facts.decide().summary == expected, "row \(index)")
        }
    }

    @Test("the floor raises, or blocks")
    func floors() throws {
        let with = { (floor: ChannelFloor, change: (inout ChannelCase) throws -> Void) throws -> String in
            try Facts.make {
                $0.floor = floor
                try change(&$0)
            }.decide().summary
        }
        #expect(try with(.encrypted) { _ in } == "floor encrypted")
        #expect(try with(.encrypted) { $0.ratchet = Facts.ratchet } == "ratchet encrypted")
        #expect(try with(.encrypted) { $0.dane = Facts.match } == "dane dane:real.test")
        #expect(try with(.authenticated) { $0.dane = Facts.match } == "dane dane:real.test")
        #expect(try with(.authenticated) { $0.sts = Facts.sts(.enforce) } == "mta-sts pki:mx.example.test")
        #expect(try with(.authenticated) { _ in } == "floor pki:mx.example.test,example.test")
        #expect(try with(.authenticated) { $0.mx = .insecure } == "floor pki:example.test")
        #expect(
            try with(.authenticated) {
                $0.mx = .insecure
                $0.sts = Facts.sts(.testing)
            } == "floor pki:mx.example.test"
        )
        #expect(try with(.authenticated) { $0.dane = Facts.encrypt } == "floor pki:mx.example.test,example.test")
        #expect(try with(.authenticated) { $0.dane = Facts.blocked } == "dane !bogus-dns")
        #expect(try with(.authenticated) { $0.pins = try Facts.pins } == "pins pins")
        #expect(try with(.pinned) { $0.pins = try Facts.pins } == "pins pins")
        #expect(try with(.pinned) { $0.onion = Facts.onion } == "onion onion")
        #expect(try with(.pinned) { $0.dane = Facts.match } == "floor !floor-unmet")
        #expect(try with(.pinned) { _ in } == "floor !floor-unmet")
        #expect(try with(.onion) { $0.onion = Facts.onion } == "onion onion")
        #expect(try with(.onion) { $0.pins = try Facts.pins } == "floor !floor-unmet")
        #expect(
            try with(.authenticated) {
                $0.host = "192.0.2.1"
                $0.hostIsAddress = true
            } == "floor pki:example.test"
        )
    }

    @Test("REQUIRETLS wants a proven host, and one that passes it on")
    func requireTLS() throws {
        let with = { (change: (inout ChannelCase) throws -> Void) throws -> (String, RequiredChannel.RequireTLS?) in
            let decision = try Facts.make {
                $0.wish = .required(isReport: false)
                try change(&$0)
            }.decide()
            guard case .connect(let channel) = decision.verdict else { return (decision.summary, nil) }
            return (decision.summary, channel.requireTLS)
        }
        #expect(try with { _ in } == ("requiretls pki:mx.example.test", .mustBeOffered))
        #expect(try with { $0.mx = .insecure } == ("requiretls !unproven-host-name", nil))
        #expect(
            try with {
                $0.mx = .insecure
                $0.sts = Facts.sts(.testing)
            } == ("requiretls pki:mx.example.test", .mustBeOffered)
        )
        #expect(try with { $0.dane = Facts.match } == ("dane dane:real.test", .mustBeOffered))
        #expect(try with { $0.dane = Facts.encrypt } == ("requiretls pki:mx.example.test", .mustBeOffered))
        #expect(try with { $0.pins = try Facts.pins } == ("pins pins", .mustBeOffered))
        #expect(
            try with {
                $0.floor = .authenticated
                $0.mx = .insecure
            } == ("requiretls !unproven-host-name", nil)
        )
        let report = Facts.make { $0.wish = .required(isReport: true) }.decide()
        guard case .connect(let channel) = report.verdict else {
            Issue.record("a report is sent")
            return
        }
        #expect(report.summary == "requiretls encrypted" && channel.requireTLS == .whereOffered)
    }

    @Test("TLS-Required: no lowers recipients' policies only, for our users, at level 1")
    func tlsOptional() throws {
        let with = { (level: Int, ours: Bool, change: (inout ChannelCase) throws -> Void) throws -> String in
            try Facts.make {
                $0.level = level
                $0.wish = .optional(fromOurUser: ours)
                try change(&$0)
            }.decide().summary
        }
        for dane in [Facts.match, Facts.encrypt, Facts.blocked, Facts.absent] {
            let all = { (facts: inout ChannelCase) in
                facts.dane = dane
                facts.sts = Facts.sts(.enforce, ["mx.other.test"])
                facts.ratchet = Facts.ratchet
            }
            #expect(try with(1, true, all) == "tls-required-no clear")
            let usual = try with(1, false, all)
            #expect(usual != "tls-required-no clear" && !usual.hasSuffix(" clear"))
            #expect(try with(2, true, all) == usual)
            #expect(try with(3, true, all) == usual)
        }
        #expect(try with(1, true) { $0.pins = try Facts.pins } == "pins pins")
        #expect(try with(1, true) { $0.onion = Facts.onion } == "onion onion")
        #expect(
            try with(1, true) {
                $0.floor = .encrypted
                $0.dane = Facts.match
            } == "dane dane:real.test"
        )
    }

    @Test("every rule stands in the trail once, with its reason")
    func trail() throws {
        let decision = try Facts.make {
            $0.pins = try Facts.pins
            $0.wish = .optional(fromOurUser: true)
            $0.floor = .pinned
        }.decide()
        #expect(
            decision.trail.map { "\($0.rule.rawValue) \($0.finding.rawValue): \($0.text)" } == [
                "onion passed-over: the domain has no proven onion route",
                "pins holds: the domain example.test is pinned",
                "dane passed-over: a stronger rule holds",
                "mta-sts passed-over: a stronger rule holds",
                "ratchet passed-over: a stronger rule holds",
                "tls-required-no passed-over: an onion route, a link or a pin holds",
                "floor passed-over: the operator requires pinned, which holds",
            ]
        )
        let opportunistic = Facts.make { $0.ratchet = Facts.oldRatchet }.decide()
        #expect(
            opportunistic.trail.map { "\($0.rule.rawValue) \($0.finding.rawValue): \($0.text)" } == [
                "onion passed-over: the domain has no proven onion route",
                "pins passed-over: there are no pins",
                "dane passed-over: DNSSEC proves that there are no TLSA records",
                "mta-sts passed-over: there is no MTA-STS record",
                "ratchet passed-over: mail was last encrypted there on 2026-06-22",
                "opportunistic holds: no rule demands more",
            ]
        )
        for facts in try Facts.every() {
            let rules = facts.decide().trail.map(\.rule)
            #expect(Set(rules).count == rules.count)
            #expect(facts.decide().trail.contains { $0.finding == .holds || $0.finding == .blocks })
        }
    }

    @Test("the name that the server is asked for")
    func serverName() {
        let name = { (facts: ChannelCase) -> String? in
            guard case .connect(let channel) = facts.decide().verdict else { return "none" }
            return channel.serverName
        }
        #expect(name(Facts.make { _ in }) == "mx.example.test")
        #expect(name(Facts.make { $0.dane = Facts.match }) == "real.test")
        #expect(name(Facts.make { $0.dane = Facts.encrypt }) == "real.test")
        #expect(
            name(
                Facts.make {
                    $0.host = "192.0.2.1"
                    $0.hostIsAddress = true
                }
            ) == nil
        )
    }
}

extension Facts {
    /// Every combination of what can be known.
    static func every() throws -> [ChannelCase] {
        var all: [ChannelCase] = []
        for dane in [absent, match, encrypt, blocked, .notApplicable(.insecureMX)] {
            for policy in [
                STSFacts.none(.notAsked), sts(.enforce), sts(.enforce, ["mx.other.test"]), sts(.testing),
            ] {
                for pins in [nil, try Facts.pins] as [PinSet?] {
                    for onion in [nil, Facts.onion] as [OnionRoute?] {
                        for ratchet in [nil, Facts.ratchet] as [RatchetEntry?] {
                            for floor in [nil] + ChannelFloor.allCases.map(Optional.some) {
                                for wish in [
                                    TLSWish.none, .required(isReport: false), .required(isReport: true),
                                    .optional(fromOurUser: true), .optional(fromOurUser: false),
                                ] {
                                    for level in 1...3 {
                                        all.append(
                                            make {
                                                $0.mx = dane == .notApplicable(.insecureMX) ? .insecure : .secure
                                                $0.dane = dane
                                                $0.sts = policy
                                                $0.pins = pins
                                                $0.onion = onion
                                                $0.ratchet = ratchet
                                                $0.floor = floor
                                                $0.wish = wish
                                                $0.level = level
                                            }
                                        )
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        return all
    }
}
