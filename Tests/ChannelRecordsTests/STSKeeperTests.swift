// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import DNSResolver
import Delivery
import Fetch
import Mail
import Privacy
import Store
import Testing

@testable import ChannelRecords

/// A keeper with the DNS, the web and the clock of a test.
private struct Ground {
    let clock: MovedClock
    let resolver = ChangedResolver()
    let web = ScriptedWeb()
    let alarms = Remembered<Int>()
    let reports = Remembered<TLSReportEvent>()
    let store: StoreGround
    let records: RecordStore
    let keeper: STSKeeper

    static let enforce = "version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 604800\n"
    static let none = "version: STSv1\nmode: none\nmax_age: 86400\n"

    init(_ bounds: STSKeeper.Bounds = STSKeeper.Bounds()) throws {
        store = try StoreGround()
        clock = store.clock
        records = try store.open()
        keeper = Ground.keeper(clock, resolver, web, records, alarms, reports, bounds)
    }

    static func keeper(
        _ clock: MovedClock,
        _ resolver: ChangedResolver,
        _ web: ScriptedWeb,
        _ records: RecordStore,
        _ alarms: Remembered<Int>,
        _ reports: Remembered<TLSReportEvent>,
        _ bounds: STSKeeper.Bounds = STSKeeper.Bounds()
    ) -> STSKeeper {
        STSKeeper(
            resolver: resolver,
            fetcher: web,
            records: records,
            time: clock.time,
            log: .none,
            reports: reports,
            bounds: bounds
        ) { alarms.add($0) }
    }

    func facts(_ domain: String = "example.test", givingUp: Bool = false) async throws -> STSFacts {
        await keeper.facts(for: try #require(Domain(domain)), now: clock.now, givingUp: givingUp)
    }

    /// Id and mode of what holds; nil for nothing.
    func holds(_ domain: String = "example.test", givingUp: Bool = false) async throws -> String? {
        guard case .inForce(let cached) = try await facts(domain, givingUp: givingUp) else { return nil }
        return "\(cached.id) \(cached.policy.mode.rawValue)"
    }

    /// Published, looked up and cached.
    func deliverOnce(_ policy: String = enforce) async throws {
        resolver.record("example.test", id: "1")
        web.policy("example.test", policy)
        _ = try await facts()
    }

    /// Waits for what happens beside.
    func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }
}

@Suite("MTA-STS policies are looked up, fetched and kept")
struct STSKeeperTests {
    @Test("a policy is fetched once, from the policy host, without redirects, and then costs no look-up")
    func firstContact() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        #expect(try await ground.holds() == "1 enforce")
        #expect(try await ground.holds() == "1 enforce")
        #expect(ground.resolver.questions == ["_mta-sts.example.test"])
        #expect(ground.web.got == [try FetchURL("https://mta-sts.example.test/.well-known/mta-sts.txt")])
        #expect(ground.web.options == [FetchOptions(maxBytes: 65_536, timeLimit: .seconds(60), redirects: .none)])
        ground.clock.advance(301)
        #expect(try await ground.holds() == "1 enforce")
        #expect(ground.resolver.questions.count == 2)
        #expect(ground.web.got.count == 1)
        await ground.records.close()
    }

    @Test("a domain without a record is remembered as such, and one that can't be looked up for a moment only")
    func absent() async throws {
        let ground = try Ground()
        ground.resolver.change {
            $0.put(
                "_mta-sts.none.test",
                .txt,
                DNSAnswer(security: .insecure, code: .nameError, timeToLive: .seconds(60))
            )
            $0.put("_mta-sts.silent.test", .txt, .failed)
            $0.put("_mta-sts.forged.test", .txt, DNSAnswer(security: .bogus))
        }
        #expect(try await ground.facts("none.test") == .none(.record(.noRecord)))
        #expect(try await ground.facts("silent.test") == .none(.lookup(.failed)))
        #expect(try await ground.facts("forged.test") == .none(.lookup(.bogus)))
        #expect(ground.resolver.questions.count == 3)
        #expect(try await ground.facts("none.test") == .none(.record(.noRecord)))
        #expect(try await ground.facts("silent.test") == .none(.lookup(.failed)))
        #expect(ground.resolver.questions.count == 3)
        ground.clock.advance(31)
        _ = try await ground.facts("silent.test")
        _ = try await ground.facts("none.test")
        #expect(ground.resolver.questions.count == 4)
        #expect(ground.web.got.isEmpty)
        await ground.records.close()
    }

    @Test("a policy survives a restart, sealed")
    func restart() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        await ground.records.close()
        let records = try ground.store.open()
        let web = ScriptedWeb()
        let keeper = Ground.keeper(
            ground.clock,
            ground.resolver,
            web,
            records,
            ground.alarms,
            ground.reports
        )
        ground.resolver.noRecord("example.test")
        let facts = await keeper.facts(
            for: try #require(Domain("example.test")),
            now: ground.clock.now,
            givingUp: false
        )
        guard case .inForce(let cached) = facts else {
            Issue.record("\(facts)")
            return
        }
        #expect(cached.policy.mode == .enforce && web.got.isEmpty)
        await records.close()
    }

    @Test("of many who need a policy at once, one fetches, and all have it")
    func together() async throws {
        let ground = try Ground()
        ground.resolver.record("example.test", id: "1")
        ground.web.policy("example.test", Ground.enforce)
        ground.web.hold(true)
        let tasks = (0..<20).map { _ in Task { try await ground.holds() } }
        try await ground.until { !ground.web.got.isEmpty }
        // A delivery that is cancelled takes nothing from the others.
        tasks[0].cancel()
        tasks[7].cancel()
        try await Task.sleep(for: .milliseconds(50))
        ground.web.hold(false)
        for (index, task) in tasks.enumerated() where index != 0 && index != 7 {
            #expect(try await task.value == "1 enforce")
        }
        #expect(ground.web.got.count <= 3)
        #expect(ground.reports.all.isEmpty)
        await ground.records.close()
    }

    @Test("a slow policy host holds up its own domain only, and a refresh holds up nobody")
    func beside() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        ground.clock.advance(86_401)
        ground.web.hold(true)
        #expect(try await ground.holds() == "1 enforce")
        try await ground.until { ground.web.got.count == 2 }
        ground.resolver.noRecord("other.test")
        #expect(try await ground.facts("other.test") == .none(.record(.noRecord)))
        ground.web.hold(false)
        try await ground.until {
            (try await ground.records.all(.stsPolicy).first?.expires?.seconds ?? 0) > ground.clock.now.seconds + 604_799
        }
        await ground.records.close()
    }

    @Test("what is used is refreshed by itself, what is not is left to expire")
    func refresh() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        await ground.keeper.refresh()
        #expect(ground.web.got.count == 1)
        ground.clock.advance(86_401)
        await ground.keeper.refresh()
        #expect(ground.web.got.count == 2)
        ground.web.policy("example.test", "version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 31557600\n")
        ground.clock.advance(86_401)
        await ground.keeper.refresh()
        ground.clock.advance(15 * 86_400)
        await ground.keeper.refresh()
        #expect(ground.web.got.count == 3)
        #expect(try await ground.holds() == "1 enforce")
        await ground.records.close()
    }

    @Test("the service refreshes, and ends at once")
    func service() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        let keeper = ground.keeper
        let running = Task { await keeper.run() }
        ground.clock.advance(86_401)
        try await ground.until {
            ground.clock.advance(60)
            return ground.web.got.count > 1
        }
        running.cancel()
        await running.value
        await ground.records.close()
    }

    @Test("before giving up under a policy the record and the policy are asked for again, once a minute")
    func givingUp() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        ground.clock.advance(61)
        ground.web.policy("example.test", Ground.enforce.replacing("mx.example", with: "new.example"))
        let facts = try await ground.facts(givingUp: true)
        guard case .inForce(let cached) = facts else {
            Issue.record("\(facts)")
            return
        }
        #expect(cached.policy.hosts == ["new.example.test"])
        #expect(ground.resolver.questions.count == 2 && ground.web.got.count == 2)
        _ = try await ground.facts(givingUp: true)
        #expect(ground.web.got.count == 2)
        await ground.records.close()
    }

    @Test("a policy of none ends what was cached, and an age of none ends it for good")
    func ended() async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        ground.resolver.record("example.test", id: "2")
        ground.clock.advance(301)
        ground.web.policy("example.test", Ground.none)
        #expect(try await ground.holds() == "2 none")
        ground.resolver.record("example.test", id: "3")
        ground.clock.advance(301)
        ground.web.policy("example.test", "version: STSv1\nmode: none\nmax_age: 0\n")
        #expect(try await ground.facts() == .none(.ended))
        #expect(try await ground.records.all(.stsPolicy).isEmpty)
        await ground.records.close()
    }

    @Test("row_53: whatever becomes of record and policy host, a cached enforce stays until it expires")
    func row_53() async throws {
        let page = { (text: String) in
            Result<FetchedBody, FetchFault>.success(
                FetchedBody(status: 200, contentType: "text/plain", body: Array(text.utf8))
            )
        }
        let good = Ground.enforce
        let rows: [(String, Result<FetchedBody, FetchFault>)] = [
            ("wrong syntax", page("version STSv1")), ("another version", page(good.replacing("STSv1", with: "STSv2"))),
            ("no hosts", page("version: STSv1\nmode: enforce\nmax_age: 86400\n")), ("nothing", page("")),
            ("a 0 age", page(good.replacing("604800", with: "0"))),
            ("over a year", page(good.replacing("604800", with: "31557601"))),
            ("a negative age", page(good.replacing("604800", with: "-1"))),
            ("a page", page("<!DOCTYPE html><html><body>version: STSv1</body></html>")),
            (
                "a page that says so",
                .success(FetchedBody(status: 200, contentType: "text/html", body: Array(Ground.none.utf8)))
            ),
            ("no type", .success(FetchedBody(status: 200, body: Array(Ground.none.utf8)))),
            ("moved", .success(FetchedBody(status: 301, location: "https://elsewhere.test/mta-sts.txt"))),
            ("found", .success(FetchedBody(status: 302, contentType: "text/plain", body: Array(Ground.none.utf8)))),
            ("gone", .success(FetchedBody(status: 404))), ("down", .success(FetchedBody(status: 503))),
            ("no content", .success(FetchedBody(status: 204))),
            ("endless", .failure(.tooLarge)), ("slow", .failure(.timedOut)), ("compressed", .failure(.encoded)),
            ("wrong name", .failure(.unproven(.wrongName))), ("expired", .failure(.unproven(.expired(depth: 0)))),
            ("self-signed", .failure(.unproven(.untrusted))), ("no TLS", .failure(.handshake)),
            ("unreachable", .failure(.unreachable)), ("no address", .failure(.noAddress)),
            ("inside", .failure(.forbiddenAddress)), ("bogus", .failure(.bogus)), ("no HTTP", .failure(.malformed)),
            ("broken off", .failure(.brokenOff)),
        ]
        for (word, answer) in rows {
            let ground = try Ground()
            try await ground.deliverOnce()
            ground.resolver.record("example.test", id: "2")
            ground.web.put("mta-sts.example.test", answer)
            ground.clock.advance(301)
            #expect(try await ground.holds() == "1 enforce", "\(word)")
            #expect(ground.web.got.count == 2, "\(word)")
            #expect(ground.alarms.all == [1], "\(word)")
            #expect(ground.reports.all.count == 1, "\(word)")
            // Not asked again within five minutes.
            ground.clock.advance(200)
            #expect(try await ground.holds(givingUp: true) == "1 enforce", "\(word)")
            #expect(ground.web.got.count == 2, "\(word)")
            ground.clock.advance(101)
            #expect(try await ground.holds() == "1 enforce", "\(word)")
            #expect(ground.web.got.count == 3, "\(word)")
            ground.web.policy("example.test", Ground.enforce)
            ground.clock.advance(301)
            #expect(try await ground.holds() == "2 enforce", "\(word)")
            #expect(ground.alarms.all == [1, 0], "\(word)")
            await ground.records.close()
        }
    }

    @Test(
        "row_53: a record that is gone, doubled, broken or not to be had takes nothing away until the age is over",
        arguments: [DNSSecurity.insecure, .secure, .bogus, .failed]
    )
    func row_53_records(security: DNSSecurity) async throws {
        let ground = try Ground()
        try await ground.deliverOnce()
        ground.resolver.noRecord("example.test", security)
        ground.web.policy("example.test", Ground.none)
        ground.clock.advance(3601)
        #expect(try await ground.holds() == "1 enforce")
        ground.resolver.change { $0.txt("_mta-sts.example.test", "v=STSv1; id=1;", "v=STSv1; id=2;") }
        ground.clock.advance(3601)
        #expect(try await ground.holds() == "1 enforce")
        ground.web.put("mta-sts.example.test", .failure(.unreachable))
        ground.resolver.noRecord("example.test", security)
        ground.clock.advance(604_800 - 7203)
        #expect(try await ground.holds() == "1 enforce")
        ground.clock.advance(2)
        #expect(try await ground.holds() == nil)
        await ground.records.close()
    }

    @Test("without a policy from before, a fetch that fails leaves none, and says why")
    func neverHad() async throws {
        let ground = try Ground()
        ground.resolver.record("example.test", id: "1")
        ground.web.put("mta-sts.example.test", .failure(.unproven(.wrongName)))
        #expect(try await ground.facts() == .none(.fetch(.notProven)))
        #expect(try await ground.facts() == .none(.fetch(.notProven)))
        #expect(ground.web.got.count == 1)
        #expect(ground.alarms.all.isEmpty)
        #expect(ground.reports.all.count == 1)
        ground.web.policy("example.test", Ground.enforce)
        ground.clock.advance(300)
        #expect(try await ground.holds() == "1 enforce")
        await ground.records.close()
    }

    @Test("the cache is bounded: strangers with ever new domains push nothing out")
    func bounded() async throws {
        var bounds = STSKeeper.Bounds()
        bounds.policies = 6
        bounds.others = 8
        let ground = try Ground(bounds)
        try await ground.deliverOnce()
        for number in 0..<40 {
            let domain = "d\(number).test"
            ground.resolver.record(domain, id: "9")
            ground.web.policy(domain, Ground.enforce)
            // It holds for this message at least.
            #expect(try await ground.holds(domain) == "9 enforce")
            _ = try await ground.facts("e\(number).test")
        }
        #expect(try await ground.records.all(.stsPolicy).count == 3)
        #expect(try await ground.holds() == "1 enforce")
        #expect(await ground.keeper.size <= 3 + 8 + 1)
        ground.clock.advance(604_801)
        _ = try await ground.facts("d39.test")
        #expect(try await ground.records.all(.stsPolicy).count == 1)
        await ground.records.close()
    }
}
