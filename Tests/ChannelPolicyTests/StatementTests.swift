// SPDX-License-Identifier: Apache-2.0

import Mail
import Testing

@testable import ChannelPolicy

private let day: Int64 = 86_400
private let now: Int64 = 1_790_000_000

private func pin(_ digit: Character) -> Pin {
    guard let pin = Pin("spki:" + String(repeating: digit, count: 64)) else { fatalError("no pin") }
    return pin
}

private func key(_ digit: Character) -> KeyFingerprint {
    guard let key = KeyFingerprint(String(repeating: digit, count: 40)) else { fatalError("no key") }
    return key
}

private let alpha = key("a")
private let beta = key("b")

private func statement(
    serial: Int64 = now,
    domain: String = "example.org",
    pins: [Pin] = [pin("1")],
    nextPins: [Pin] = [],
    issued: Int64 = now - day,
    expires: Int64? = nil,
    nextKey: KeyFingerprint? = nil
) throws -> CommitmentStatement {
    try CommitmentStatement(
        domain: try #require(Domain(domain)),
        level: 2,
        mailHosts: [try #require(Domain("mx.example.org"))],
        pins: pins,
        nextPins: nextPins,
        serial: serial,
        issued: issued,
        expires: expires ?? issued + 30 * day,
        nextKey: nextKey
    )
}

@Suite("What a commitment statement says")
struct StatementTests {
    private static let good = """
        {"domain": "example.org", "level": 2, "mx": ["mx1.example.org"], "pins": ["spki:\(String(repeating: "0", count: 64))"],
        "serial": 1790000000, "issued": 1790000000, "expires": 1792000000}
        """

    @Test("is read, and written so that it reads the same")
    func reading() throws {
        let read = try CommitmentStatement(payload: Array(Self.good.utf8))
        #expect(read.domain == "example.org" && read.level == 2 && read.mailHosts == ["mx1.example.org"])
        #expect(read.serial == 1_790_000_000 && read.nextPins.isEmpty && read.onion == nil && read.nextKey == nil)
        #expect(try CommitmentStatement(payload: read.payload) == read)
        let full = try CommitmentStatement(
            domain: try #require(Domain("bücher.example")),
            level: 3,
            mailHosts: [try #require(Domain("mx.example")), try #require(Domain("mx2.example"))],
            pins: [pin("1"), pin("2")],
            nextPins: [pin("3")],
            onion: String(repeating: "a2", count: 28) + ".onion",
            serial: 9_007_199_254_740_991,
            issued: now,
            expires: now + 60 * day,
            nextKey: alpha
        )
        #expect(full.domain == "xn--bcher-kva.example")
        #expect(try CommitmentStatement(payload: full.payload) == full)
    }

    static let broken: [(replace: String, with: String, fault: StatementFault)] = [
        ("{\"domain\"", "[{\"domain\"", .notJSON),
        ("\"level\": 2", "\"level\": 2.0", .notJSON),
        ("\"level\": 2", "\"level\": 02", .notJSON),
        ("\"level\": 2", "\"level\": 2e0", .notJSON),
        ("\"level\": 2", "\"level\": 99999999999999999999", .notJSON),
        ("\"level\": 2", "\"level\": \"2\"", .malformed("level", mustBe: "a whole number")),
        ("\"level\": 2", "\"level\": 0", .malformed("level", mustBe: "1, 2 or 3")),
        ("\"level\": 2", "\"level\": -1", .malformed("level", mustBe: "1, 2 or 3")),
        ("\"level\": 2, ", "", .missing("level")),
        ("\"level\": 2", "\"level\": 2, \"level\": 3", .repeatedMember),
        ("\"level\": 2", "\"level\": 2, \"more\": {\"a\": 1, \"a\": 2}", .repeatedMember),
        ("[\"mx1.example.org\"]", "[]", .malformed("mx", mustBe: "a list of 1 to 64 host names")),
        ("[\"mx1.example.org\"]", "\"mx1.example.org\"", .malformed("mx", mustBe: "a list")),
        ("[\"mx1.example.org\"]", "[\"mx1.example.org\", 1]", .malformed("mx", mustBe: "a list of texts")),
        ("1790000000, \"expires\"", "1792000000, \"expires\"", .validity),
        ("1792000000", "1791000000", .validity),
        ("1792000000", "1799000000", .validity),
        (
            "\"serial\": 1790000000", "\"serial\": 0",
            .malformed("serial", mustBe: "a whole number from 1 to 9007199254740991")
        ),
        (
            "\"serial\": 1790000000", "\"serial\": 9007199254740992",
            .malformed("serial", mustBe: "a whole number from 1 to 9007199254740991")
        ),
    ]

    @Test("is refused with the first thing that is wrong", arguments: broken)
    func refused(replace: String, with: String, fault: StatementFault) {
        let text = Self.good.replacing(replace, with: with, maxReplacements: 1)
        #expect(text != Self.good)
        #expect(throws: fault) { try CommitmentStatement(payload: Array(text.utf8)) }
        #expect(fault.sentence.hasSuffix(".") && fault.isRefusal)
    }

    @Test(
        "names are lower case with A-labels",
        arguments: ["Example.org", "example.org.", "bücher.example", "a b", "1.2.3.4", ""]
    )
    func names(name: String) {
        for member in ["\"example.org\"", "\"mx1.example.org\""] {
            let text = Self.good.replacing(member, with: "\"\(name)\"")
            #expect(throws: StatementFault.self) { try CommitmentStatement(payload: Array(text.utf8)) }
        }
    }

    @Test("pins are of keys, and neither none nor many")
    func pins() throws {
        #expect(throws: StatementFault.self) { try statement(pins: []) }
        #expect(throws: StatementFault.self) { try statement(pins: Array(repeating: pin("1"), count: 17)) }
        #expect(throws: StatementFault.self) { try statement(nextPins: Array(repeating: pin("1"), count: 17)) }
        let certificate = try #require(Pin("cert:" + String(repeating: "0", count: 64)))
        #expect(throws: StatementFault.self) { try statement(pins: [certificate]) }
    }

    @Test("deep, long and broken input is refused, never followed")
    func hostile() {
        let deep = Array((String(repeating: "[", count: 100_000)).utf8)
        #expect(throws: StatementFault.tooLarge(maxBytes: 16_384)) { try CommitmentStatement(payload: deep) }
        #expect(throws: StatementFault.notJSON) { try CommitmentStatement(payload: Array(deep.prefix(16_000))) }
        let wide = Array("{\"mx\": [\(String(repeating: "1,", count: 4000))1]}".utf8)
        #expect(throws: StatementFault.notJSON) { try CommitmentStatement(payload: wide) }
        #expect(throws: StatementFault.tooLarge(maxBytes: 131_072)) {
            try StatementEnvelope(served: [UInt8](repeating: 0x20, count: 131_073))
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            var bytes = Array(Self.good.utf8)
            for _ in 0..<3 {
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = try? CommitmentStatement(payload: bytes)
            _ = try? StatementEnvelope(served: bytes)
        }
    }

    @Test("an envelope is three base64 texts, and reads as it was written")
    func envelope() throws {
        let envelope = try StatementEnvelope(payload: [1, 2], certificate: [3], signature: [4, 5, 6])
        #expect(try StatementEnvelope(served: envelope.served) == envelope)
        #expect(envelope.signedBytes == Array("postern-commitment-statement-v1\n".utf8) + [1, 2])
        let text = String(decoding: envelope.served, as: UTF8.self)
        for (old, new) in [("AQI=", "AQI"), ("AQI=", "AQJ="), ("AQI=", ""), ("AQI=", "A QI"), ("BAUG", "BA\\nUG")] {
            #expect(throws: StatementFault.self) {
                try StatementEnvelope(served: Array(text.replacing(old, with: new).utf8))
            }
        }
        #expect(throws: StatementFault.tooLarge(maxBytes: 65_536)) {
            try StatementEnvelope(payload: [1], certificate: [UInt8](repeating: 0, count: 65_537), signature: [1])
        }
    }

    @Test("the serial is the time, but always above the last one")
    func serials() {
        #expect(CommitmentStatement.serial(after: nil, now: now) == now)
        #expect(CommitmentStatement.serial(after: now - 5, now: now) == now)
        #expect(CommitmentStatement.serial(after: now, now: now) == now + 1)
        #expect(CommitmentStatement.serial(after: now + day, now: now) == now + day + 1)
    }

    @Test("fingerprints are compared whatever their case and spaces")
    func fingerprints() throws {
        let spaced = "0x" + (0..<10).map { _ in "AbCd" }.joined(separator: " ")
        #expect(try #require(KeyFingerprint(spaced)).text == String(repeating: "ABCD", count: 10))
        for text in [
            "", "abcd", String(repeating: "a", count: 39), String(repeating: "a", count: 64),
            "g" + String(repeating: "a", count: 39),
        ] {
            #expect(KeyFingerprint(text) == nil)
        }
    }
}

@Suite("The life of a peer")
struct PeerLifeTests {
    private func life(_ first: CommitmentStatement? = nil, at time: Int64 = now) throws -> PeerLife {
        try PeerLife(try first ?? statement(), of: "example.org", compared: alpha, signedBy: alpha, now: time)
    }

    @Test("begins with a statement by the compared key, for the domain, issued already, not expired")
    func beginning() throws {
        let life = try life()
        #expect(life.key == alpha && life.announced == nil)
        #expect(
            life.pinSet(at: now)
                == PinSet(.domain("example.org"), source: .statement(isExpired: false), current: [pin("1")])
        )
        let cases: [(CommitmentStatement, KeyFingerprint, StatementFault)] = [
            (try statement(), beta, .otherKey(beta)),
            (try statement(domain: "example.net"), alpha, .otherDomain),
            (try statement(issued: now + 301), alpha, .issuedInFuture(now + 301)),
            (try statement(issued: now - 30 * day), alpha, .expired(now)),
        ]
        for (first, signer, fault) in cases {
            #expect(throws: fault) {
                try PeerLife(first, of: "example.org", compared: alpha, signedBy: signer, now: now)
            }
        }
        #expect(throws: Never.self) { _ = try self.life(statement(issued: now + 300)) }
    }

    @Test(
        "a higher serial moves the pins; the same statement changes nothing; everything else is refused and changes nothing"
    )
    func serials() throws {
        var life = try life()
        #expect(
            try life.take(statement(), signedBy: alpha, now: now)
                == .init(isNewer: false, movesPins: false, movesKey: false)
        )
        let rolled = try statement(serial: now + 1, pins: [pin("2")], nextPins: [pin("3")])
        #expect(
            try life.take(rolled, signedBy: alpha, now: now) == .init(isNewer: true, movesPins: true, movesKey: false)
        )
        #expect(life.pinSet(at: now).current == [pin("2")] && life.pinSet(at: now).next == [pin("3")])
        let before = life
        let cases: [(CommitmentStatement, KeyFingerprint, StatementFault)] = [
            (try statement(), alpha, .lowerSerial(now, known: now + 1)),
            (try statement(serial: now + 1), alpha, .reusedSerial(now + 1)),
            (rolled, beta, .otherKey(beta)),
            (try statement(serial: now + 2), beta, .otherKey(beta)),
            (try statement(serial: now + 2, domain: "example.net"), alpha, .otherDomain),
            (try statement(serial: now + 2, issued: now + day), alpha, .issuedInFuture(now + day)),
            (try statement(serial: now + 2, issued: now - 31 * day), alpha, .expired(now - day)),
        ]
        for (next, signer, fault) in cases {
            #expect(throws: fault) { try life.take(next, signedBy: signer, now: now) }
            #expect(life == before)
        }
    }

    @Test("an expired statement keeps its pins required; a fresh one ends that")
    func expiry() throws {
        var life = try life()
        let end = life.statement.expires
        #expect(!life.isNearEnd(at: end - 7 * day - 1) && life.isNearEnd(at: end - 7 * day))
        #expect(!life.isExpired(at: end - 1) && life.isExpired(at: end))
        #expect(life.pinSet(at: end + 1000 * day).current == [pin("1")])
        #expect(life.pinSet(at: end).source == .statement(isExpired: true))
        #expect(throws: Never.self) {
            _ = try life.take(statement(serial: now + 1, issued: end + day), signedBy: alpha, now: end + day)
        }
        #expect(!life.isExpired(at: end + day))
    }

    @Test("an announced key counts seven days after it was first seen, and then the old one no longer")
    func nextKey() throws {
        var life = try life(statement(nextKey: beta))
        let byBeta = try statement(serial: now + 1)
        #expect(throws: StatementFault.keyNotYet(from: now + 7 * day)) {
            try life.take(byBeta, signedBy: beta, now: now + 7 * day - 1)
        }
        // Announced again meanwhile: the seven days don't begin anew.
        _ = try life.take(statement(serial: now + 1, nextKey: beta), signedBy: alpha, now: now + 3 * day)
        let later = now + 7 * day
        let change = try life.take(statement(serial: now + 2, pins: [pin("2")]), signedBy: beta, now: later)
        #expect(change == .init(isNewer: true, movesPins: true, movesKey: true))
        #expect(life.key == beta && life.announced == nil)
        #expect(throws: StatementFault.otherKey(alpha)) {
            try life.take(statement(serial: now + 3), signedBy: alpha, now: later)
        }
        _ = try life.take(statement(serial: now + 3, nextKey: alpha), signedBy: beta, now: later)
        #expect(life.announced?.counts == later + 7 * day)
    }

    @Test("an announcement that is left out, or changed, does not count any more")
    func withdrawnKey() throws {
        var life = try life(statement(nextKey: beta))
        _ = try life.take(statement(serial: now + 1), signedBy: alpha, now: now + day)
        #expect(throws: StatementFault.otherKey(beta)) {
            try life.take(statement(serial: now + 2), signedBy: beta, now: now + 8 * day)
        }
        _ = try life.take(statement(serial: now + 2, nextKey: beta), signedBy: alpha, now: now + 8 * day)
        _ = try life.take(statement(serial: now + 3, nextKey: key("c")), signedBy: alpha, now: now + 9 * day)
        #expect(life.announced == .init(key: key("c"), firstSeen: now + 9 * day))
        _ = try life.take(statement(serial: now + 4, nextKey: alpha), signedBy: alpha, now: now + 9 * day)
        #expect(life.announced == nil)
    }

    @Test("a key revoked as compromised freezes what is known, for the announced key too")
    func frozen() throws {
        var life = try life(statement(nextKey: beta))
        life.freeze(now: now + day)
        life.freeze(now: now + 2 * day)
        #expect(life.revokedSince == now + day)
        for signer in [alpha, beta] {
            #expect(throws: StatementFault.revoked) {
                try life.take(statement(serial: now + 5, pins: [pin("2")]), signedBy: signer, now: now + 8 * day)
            }
        }
        #expect(life.pinSet(at: now + 8 * day).current == [pin("1")])
    }

    @Test("looks come at random within a day, and after failures within hours")
    func refreshTimes() {
        var random = SystemRandomNumberGenerator()
        var seen: Set<Int64> = []
        for _ in 0..<200 {
            let next = RefreshTime.afterSuccess(now: now, using: &random)
            #expect((now + 3600...now + day).contains(next))
            seen.insert(next)
        }
        #expect(seen.count > 100)
        for (failures, wait) in [(1, 900), (2, 1800), (3, 3600), (6, 21_600), (1000, 21_600)] as [(Int, Int64)] {
            for _ in 0..<20 {
                let next = RefreshTime.afterFailure(failures, now: now, using: &random)
                #expect((now + wait...now + wait + wait / 2).contains(next))
            }
        }
    }
}
