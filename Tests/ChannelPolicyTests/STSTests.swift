// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChannelPolicy

@Suite("MTA-STS records and policies")
struct STSPolicyTests {
    @Test(
        "the record (RFC 8461 section 3.1)",
        arguments: [
            (["v=STSv1; id=20160831085700Z;"], .id("20160831085700Z")), (["v=STSv1;id=a"], .id("a")),
            (["v=STSv1; \t id=a ; \t"], .id("a")), (["v=STSv1; x=y; id=a; id=b"], .id("a")),
            (["v=STSv1; id=a; x_1-.=;"], .absent(.malformed)), (["v=STSv1; id=a; later=value"], .id("a")),
            ([], .absent(.noRecord)), (["v=spf1 -all"], .absent(.noRecord)), (["v=STSv2; id=a"], .absent(.noRecord)),
            (["v=STSv1"], .absent(.noRecord)), (["V=STSv1; id=a"], .absent(.noRecord)),
            ([" v=STSv1; id=a"], .absent(.noRecord)), (["v=STSv1;"], .absent(.malformed)),
            (["v=STSv1; x=y"], .absent(.malformed)), (["v=STSv1; id="], .absent(.malformed)),
            (["v=STSv1; id=a-b"], .absent(.malformed)), (["v=STSv1; id=ä"], .absent(.malformed)),
            (["v=STSv1; id=" + String(repeating: "a", count: 32)], .id(String(repeating: "a", count: 32))),
            (["v=STSv1; id=" + String(repeating: "a", count: 33)], .absent(.malformed)),
            (["v=STSv1;; id=a"], .absent(.malformed)), (["v=STSv1; id=a; rubbish"], .absent(.malformed)),
            (["v=STSv1; id=a", "v=STSv1; id=a"], .absent(.severalRecords)),
            (["v=STSv1; id=a", "something else", "v=spf1"], .id("a")),
            (["v=STSv1; id=a;" + String(repeating: "x", count: 1 << 20)], .absent(.malformed)),
        ] as [([String], STSRecord)]
    )
    func record(texts: [String], expected: STSRecord) {
        for security in [LookupSecurity.secure, .insecure] {
            #expect(STSRecord(security, texts.map { Array($0.utf8) }) == expected)
        }
        #expect(STSRecord(.failed, texts.map { Array($0.utf8) }) == .unknown(.failed))
        #expect(STSRecord(.bogus, texts.map { Array($0.utf8) }) == .unknown(.bogus))
    }

    private static let good =
        "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.Example.net\nmax_age: 604800\n"

    private func read(_ file: String) -> Result<STSPolicy, STSPolicy.Flaw> {
        do throws(STSPolicy.Flaw) {
            return .success(try STSPolicy(parsing: Array(file.utf8)))
        } catch {
            return .failure(error)
        }
    }

    @Test("a policy, with either line end, with and without the last one, in any order")
    func policy() {
        let expected = STSPolicy(mode: .enforce, maxAge: 604_800, hosts: ["mail.example.com", "*.example.net"])
        let good = Self.good
        for file in [
            good, String(good.dropLast()), good.replacing("\n", with: "\r\n"), good + "\n\r\n",
            good.replacing(": ", with: ":"), good.replacing("enforce", with: "enforce \t "),
            good.replacing(": ", with: ":\t "), "x-1.y_: ünknown value here\n" + good,
            good + "mode: none\nversion: STSv9\nmax_age: 1\n",
            "mx: mail.example.com\nmx: *.example.net\nmax_age: 604800\nmode: enforce\nversion: STSv1",
        ] {
            #expect(read(file) == .success(expected), "\(file)")
        }
        #expect(read(expected.lines.joined(separator: "\n")) == .success(expected))
        let none = STSPolicy(mode: .none, maxAge: 0, hosts: [])
        #expect(read("version: STSv1\nmode: none\nmax_age: 0") == .success(none))
    }

    @Test("what is no policy, and why")
    func flaws() {
        let good = Self.good
        let rows: [(String, STSPolicy.Flaw)] = [
            ("", .version), ("\n\n", .version), ("<!DOCTYPE html>\n<html>", .line(1)),
            (good.replacing("version: STSv1", with: "version: STSv2"), .version),
            (good.replacing("version", with: "Version"), .version), (good.replacing("STSv1", with: "stsv1"), .version),
            (good.replacing("enforce", with: "Enforce"), .mode), (good.replacing("mode: enforce\n", with: ""), .mode),
            (good.replacing("mode: enforce\n", with: "mode: off\nmode: enforce\n"), .mode),
            (good.replacing("604800", with: "31557601"), .maxAge), (good.replacing("604800", with: "-1"), .maxAge),
            (good.replacing("604800", with: "99999999999999999999"), .maxAge),
            (good.replacing("604800", with: "1d"), .maxAge), (good.replacing("604800", with: "+5"), .maxAge),
            (good.replacing("max_age: 604800\n", with: ""), .maxAge),
            ("version: STSv1\nmode: enforce\nmax_age: 1\n", .noHosts),
            ("version: STSv1\nmode: testing\nmax_age: 1\n", .noHosts),
            (good.replacing("mx: mail", with: "mx: mail."), .line(3)),
            (good.replacing("*.Example", with: "**"), .line(4)), (good.replacing("*.Example", with: "a.*.x"), .line(4)),
            (good.replacing("*.Example.net", with: "*."), .line(4)),
            (good.replacing("*.Example.net", with: "192.0.2.1"), .line(4)),
            (good.replacing("*.Example", with: "müll"), .line(4)),
            (good.replacing("\nmx: m", with: "\n\nmx: m"), .line(3)), (good.replacing("mode:", with: "mode"), .line(2)),
            (good.replacing("\n", with: "\r"), .line(1)), (good.replacing("mode:", with: " mode:"), .line(2)),
            (good.replacing("mode:", with: "mode :"), .line(2)),
            (good.replacing("enforce", with: "enf\0rce"), .line(2)),
            (good.replacing("enforce", with: ""), .line(2)),
            (good + String(repeating: "mx: a.test\n", count: 1000), .tooManyHosts),
            (good + String(repeating: "x: y\n", count: 20_000), .tooLarge),
        ]
        for (file, flaw) in rows { #expect(read(file) == .failure(flaw), "\(file.prefix(120))") }
        #expect(throws: STSPolicy.Flaw.notText) { try STSPolicy(parsing: Array(good.utf8) + [0xff, 0xfe]) }
    }

    @Test("the host must be listed, a star is one label")
    func hosts() {
        let policy = STSPolicy(mode: .enforce, maxAge: 1, hosts: ["mail.example.com", "*.example.net"])
        #expect(policy.pattern(for: "MAIL.example.com") == "mail.example.com")
        #expect(policy.pattern(for: "mx.example.net") == "*.example.net")
        for host in [
            "example.net", "a.mx.example.net", "mail.example.org", "example.com", "", "mx.example.net.evil.test",
        ] {
            #expect(policy.pattern(for: host) == nil)
        }
    }

    @Test("an answer counts with 200 and text/plain only")
    func answers() throws {
        let body = Array(Self.good.utf8)
        let policy = try STSPolicy(parsing: body)
        for type in ["text/plain", "Text/Plain; charset=utf-8", " text/plain ;x=y"] {
            #expect(STSFetch(status: 200, contentType: type, body: body) == .policy(policy))
        }
        for type in [nil, "", "text/html", "text/plainer", "application/octet-stream", ";text/plain"] as [String?] {
            #expect(STSFetch(status: 200, contentType: type, body: body) == .failed(.mediaType))
        }
        for status in [100, 201, 204, 301, 302, 304, 404, 500] {
            #expect(STSFetch(status: status, contentType: "text/plain", body: body) == .failed(.status(status)))
        }
        let html = STSFetch(status: 200, contentType: "text/plain", body: Array("<html>".utf8))
        #expect(html == .failed(.flawed(.line(1))))
    }
}

@Suite("The life of a cached MTA-STS policy")
struct STSLifeTests {
    static let now: Int64 = 1_790_000_000
    static let enforce = STSPolicy(mode: .enforce, maxAge: 604_800, hosts: ["mx.test"])

    private func cached(_ age: Int64, _ policy: STSPolicy = enforce) -> CachedSTS {
        CachedSTS(id: "old", policy: policy, fetchedAt: Self.now - age)
    }

    @Test("when a policy is fetched")
    func fetch() {
        let fresh = cached(60)
        let stale = cached(100_000)
        let dead = cached(604_800)
        let rows: [(CachedSTS?, STSRecord, Bool, STSLife.Fetch)] = [
            (nil, .id("new"), false, .now(id: "new", .firstContact)), (nil, .absent(.noRecord), false, .no(.noRecord)),
            (nil, .absent(.malformed), false, .no(.noRecord)), (nil, .unknown(.failed), false, .no(.lookupFailed)),
            (nil, .unknown(.bogus), true, .no(.lookupFailed)), (fresh, .id("old"), false, .no(.unchanged)),
            (fresh, .id("new"), false, .now(id: "new", .changed)), (fresh, .absent(.noRecord), false, .no(.noRecord)),
            (fresh, .unknown(.failed), false, .no(.lookupFailed)),
            (stale, .id("old"), false, .beside(id: "old", .refresh)),
            (stale, .unknown(.failed), false, .beside(id: "old", .refresh)),
            (stale, .absent(.noRecord), false, .no(.noRecord)), (dead, .id("old"), false, .now(id: "old", .expired)),
            (dead, .absent(.noRecord), false, .no(.noRecord)),
            (fresh, .id("old"), true, .now(id: "old", .beforeGivingUp)),
            (fresh, .absent(.noRecord), true, .now(id: "old", .beforeGivingUp)),
            (fresh, .unknown(.bogus), true, .now(id: "old", .beforeGivingUp)),
            (fresh, .id("new"), true, .now(id: "new", .changed)),
        ]
        for (index, (cached, record, givingUp, expected)) in rows.enumerated() {
            let fetch = STSLife.fetch(cached: cached, record: record, givingUp: givingUp, now: Self.now)
            #expect(fetch == expected, "row \(index)")
        }
    }

    @Test("after a failure the same id is left alone for five minutes")
    func brake() {
        let fetch = { (id: String, ago: Int64) in
            STSLife.fetch(
                cached: nil,
                record: .id(id),
                lastFailure: STSAttempt(id: "a", at: Self.now - ago),
                now: Self.now
            )
        }
        #expect(fetch("a", 0) == .no(.failedLately))
        #expect(fetch("a", 299) == .no(.failedLately))
        #expect(fetch("a", 300) == .now(id: "a", .firstContact))
        #expect(fetch("b", 10) == .now(id: "b", .firstContact))
        #expect(fetch("a", -10) == .now(id: "a", .firstContact), "a clock that was set back blocks nothing")
        #expect(fetch("a", .min / 2) == .now(id: "a", .firstContact))
    }

    @Test("row 53: a cached enforce ends by its age or a valid none, never by a failure")
    func rollback() {
        let live = cached(1000)
        let failures: [STSFetch] = [
            .failed(.unreachable), .failed(.timedOut), .failed(.notProven), .failed(.noAddress), .failed(.malformed),
            STSFetch(status: 301, contentType: nil, body: []),
            STSFetch(status: 404, contentType: "text/plain", body: []),
            STSFetch(status: 200, contentType: "text/html", body: Array("version: STSv1\nmode: none\nmax_age: 9".utf8)),
            STSFetch(status: 200, contentType: "text/plain", body: Array("rubbish".utf8)),
            STSFetch(
                status: 200,
                contentType: "text/plain",
                body: Array("version: STSv1\nmode: enforce\nmx: x.test\nmax_age: 0".utf8)
            ),
            STSFetch(
                status: 200,
                contentType: "text/plain",
                body: Array("version: STSv1\nmode: testing\nmx: x.test\nmax_age: 0".utf8)
            ),
            STSFetch(
                status: 200,
                contentType: "text/plain",
                body: Array("version: STSv1\nmode: none\nmax_age: 31557601".utf8)
            ),
        ]
        for fetch in failures {
            let outcome = STSLife.after(fetch, id: "new", cached: live, now: Self.now)
            #expect(outcome.change == .kept && outcome.inForce == live && outcome.isAlarming)
            #expect(outcome.failure != nil && outcome.attempt == STSAttempt(id: "new", at: Self.now))
            let later = STSLife.after(fetch, id: "new", cached: live, now: live.expiresAt)
            #expect(later.change == .expired && later.inForce == nil && !later.isAlarming)
            let first = STSLife.after(fetch, id: "new", cached: nil, now: Self.now)
            #expect(first.change == .kept && first.inForce == nil)
        }
        #expect(STSLife.inForce(live, now: live.expiresAt - 1) == live)
        #expect(STSLife.inForce(live, now: live.expiresAt) == nil)
        #expect(STSLife.inForce(live, now: 0) == live, "a clock that was set back expires nothing")
    }

    @Test("a valid successor takes the place at once, a none of no age included")
    func successor() {
        let live = cached(1000)
        for policy in [
            STSPolicy(mode: .none, maxAge: 86_400, hosts: []), STSPolicy(mode: .testing, maxAge: 1, hosts: ["a.test"]),
            STSPolicy(mode: .enforce, maxAge: 31_557_600, hosts: ["b.test"]),
        ] {
            let new = CachedSTS(id: "new", policy: policy, fetchedAt: Self.now)
            let outcome = STSLife.after(.policy(policy), id: "new", cached: live, now: Self.now)
            #expect(outcome.change == .replaced(new) && outcome.inForce == new && outcome.attempt == nil)
        }
        let ended = STSPolicy(mode: .none, maxAge: 0, hosts: [])
        let outcome = STSLife.after(.policy(ended), id: "new", cached: live, now: Self.now)
        #expect(outcome.inForce == nil && outcome.failure == nil)
        let none = cached(10, STSPolicy(mode: .none, maxAge: 86_400, hosts: []))
        #expect(!STSLife.after(.failed(.timedOut), id: "x", cached: none, now: Self.now).isAlarming)
    }

    @Test("a refresh is due daily, or at half the age")
    func refresh() {
        #expect(cached(0).refreshAt == Self.now + 86_400)
        #expect(cached(0, STSPolicy(mode: .enforce, maxAge: 600, hosts: ["a.test"])).refreshAt == Self.now + 300)
    }
}
