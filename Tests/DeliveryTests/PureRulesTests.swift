// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail
import Privacy
import SMTPTransport
import SMTPWire
import Settings
import Testing

@testable import Delivery

/// Counts up, so that shuffles can be repeated and are not all the same.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}

@Suite("The order of MX hosts")
struct MailExchangeOrderTests {
    private func choose(
        _ records: [(UInt16, String)],
        own: Set<String> = ["gate.test"],
        seed: UInt64 = 1
    ) -> MailExchangeOrder.Choice {
        var random = Seeded(state: seed)
        return MailExchangeOrder.choose(
            records.map { .mx(preference: $0.0, exchange: $0.1) },
            ownNames: own,
            using: &random
        )
    }

    private func names(_ choice: MailExchangeOrder.Choice) -> [String]? {
        if case .hosts(let hosts) = choice { hosts.map(\.host) } else { nil }
    }

    @Test("the lowest preference comes first, whatever the order of the answer")
    func preference() {
        #expect(names(choose([(30, "c.x"), (10, "A.x"), (20, "b.x")])) == ["a.x", "b.x", "c.x"])
    }

    @Test("equal preferences are shuffled among themselves and never over others")
    func shuffled() {
        var firsts: Set<String> = []
        for seed in 0..<50 {
            let order = names(choose([(10, "a.x"), (10, "b.x"), (10, "c.x"), (20, "z.x")], seed: UInt64(seed))) ?? []
            #expect(order.count == 4)
            #expect(order.last == "z.x")
            firsts.formUnion(order.prefix(1))
        }
        #expect(firsts == ["a.x", "b.x", "c.x"])
    }

    @Test("a null MX refuses, beside others it is left out, and no record at all means the domain itself")
    func null() {
        #expect(choose([(0, "")]) == .refusesMail)
        #expect(names(choose([(0, ""), (10, "a.x")])) == ["a.x"])
        #expect(choose([]) == .implicit)
    }

    @Test("our own name drops equal and worse hosts; when it is the best, that is a loop")
    func loop() {
        #expect(names(choose([(10, "a.x"), (20, "Gate.test"), (20, "b.x"), (30, "c.x")])) == ["a.x"])
        #expect(choose([(10, "gate.test"), (20, "b.x")]) == .loop)
    }

    @Test("names that cannot be looked up are left out; addresses and underscores are not")
    func oddNames() {
        #expect(choose([(10, "a\\046b.x")]) == .unusable)
        #expect(names(choose([(10, "192.0.2.1"), (20, "_mx.x")])) == ["192.0.2.1", "_mx.x"])
    }
}

@Suite("When a deferred copy is tried again")
struct RetryScheduleTests {
    private let schedule = RetrySchedule()
    private let arrival = WallTime(seconds: 1_000_000)

    @Test(
        "the wait doubles from one minute, jittered within its step, and never passes four hours",
        arguments: [
            (1, 60, 120), (2, 120, 240), (3, 240, 480), (7, 3840, 7680), (8, 7680, 14_400), (9, 10_800, 14_400),
            (500, 10_800, 14_400),
        ]
    )
    func waits(_ attempts: Int, _ low: Int, _ high: Int) {
        var random = Seeded(state: UInt64(attempts))
        var seen: Set<Duration> = []
        for _ in 0..<200 {
            let wait = schedule.wait(afterAttempts: attempts, using: &random)
            #expect(wait >= .seconds(low) && wait <= .seconds(high))
            seen.insert(wait)
        }
        #expect(seen.count > 100)
    }

    @Test("the last try falls on the expiry, and after it the copy has failed")
    func expiry() {
        var random = Seeded(state: 1)
        let end = arrival + .seconds(5 * 86_400)
        let justBefore = end + .seconds(-10)
        #expect(schedule.next(attempts: 40, arrival: arrival, now: justBefore, using: &random) == .retry(at: end))
        #expect(schedule.next(attempts: 41, arrival: arrival, now: end, using: &random) == .expired)
        #expect(schedule.isExpired(arrival: arrival, now: end))
        #expect(!schedule.isExpired(arrival: arrival, now: justBefore))
    }

    @Test("a copy is late after four hours")
    func late() {
        #expect(!schedule.isLate(arrival: arrival, now: arrival + .seconds(4 * 3600 - 1)))
        #expect(schedule.isLate(arrival: arrival, now: arrival + .seconds(4 * 3600)))
    }

    @Test("odd settings trap nowhere")
    func odd() {
        var random = Seeded(state: 1)
        let odd = RetrySchedule(first: .zero, longest: .zero, expiry: .zero, warning: .zero)
        #expect(odd.wait(afterAttempts: 5, using: &random) > .zero)
        let huge = RetrySchedule(first: .seconds(Int64.max / 2), longest: .seconds(Int64.max / 2))
        #expect(huge.wait(afterAttempts: 50, using: &random) > .zero)
        #expect(odd.next(attempts: -3, arrival: arrival, now: arrival, using: &random) == .expired)
    }
}

@Suite("Routes")
struct RouteTableTests {
    private func domain(_ text: String) throws -> Domain { try #require(Domain(text)) }

    @Test("a domain's own route wins over the one for all, in any spelling of the domain")
    func exactFirst() throws {
        let table = RouteTable([
            Route(domain: .any, target: .mx), Route(domain: .domain(try domain("ours.test")), target: .maildir),
        ])
        #expect(table.hop(for: try domain("OURS.test")) == .maildir)
        let other = try domain("sub.ours.test")
        #expect(table.hop(for: other) == .mx(other))
    }

    @Test("without a route there is no next hop, and the outcome is 550 5.1.2")
    func none() throws {
        let table = RouteTable([Route(domain: .domain(try domain("ours.test")), target: .maildir)])
        #expect(table.hop(for: try domain("other.test")) == nil)
        #expect(DeliveryOutcome.noRoute.statusText == "5.1.2")
        #expect(DeliveryOutcome.noRoute.defaultCode == 550)
    }

    @Test("hints are equal for equal hops and differ between kinds and places")
    func hints() throws {
        let there = NextHop(endpoint: .tcp(host: "Mail.test", port: 24))
        let same = NextHop(endpoint: .tcp(host: "mail.test", port: 24))
        #expect(DeliveryHop.lmtp(there).hint == DeliveryHop.lmtp(same).hint)
        let hints = [
            DeliveryHop.lmtp(there).hint, DeliveryHop.relay(there).hint, DeliveryHop.maildir.hint,
            DeliveryHop.mx(try domain("mail.test")).hint,
            DeliveryHop.lmtp(NextHop(endpoint: .unix(path: "/run/l"))).hint,
        ]
        #expect(Set(hints).count == hints.count)
    }
}

@Suite("What a reply means")
struct ReplyMeaningTests {
    private func enhanced(_ class: Int, _ subject: Int, _ detail: Int) -> RemoteReply.Enhanced {
        RemoteReply.Enhanced(class: `class`, status: EnhancedStatus(subject, detail))
    }

    private func short(_ reply: RemoteReply) -> String {
        ReplyMeaning.outcome(reply, from: nil, relayedDSN: false).short
    }

    @Test("2yz is delivered, 4yz deferred, 5yz failed, 3yz out of place and deferred")
    func classes() {
        #expect(short(RemoteReply(code: 250)) == "delivered")
        #expect(short(RemoteReply(code: 451, enhanced: enhanced(4, 7, 1))) == "deferred 4.7.1 refusedByHost")
        #expect(short(RemoteReply(code: 550, enhanced: enhanced(5, 1, 1))) == "failed 5.1.1 refusedByHost")
        #expect(short(RemoteReply(code: 354)) == "deferred 4.0.0 protocolError")
        #expect(short(RemoteReply(code: 421)) == "deferred 4.3.2 hostUnavailable")
    }

    @Test("an enhanced code of another class than the reply is not believed")
    func disagreeing() {
        #expect(short(RemoteReply(code: 550, enhanced: enhanced(4, 2, 2))) == "failed 5.0.0 refusedByHost")
        #expect(short(RemoteReply(code: 452, enhanced: enhanced(5, 1, 1))) == "deferred 4.3.1 refusedByHost")
    }

    @Test("552 for too many recipients means later; 552 for a full mailbox means no")
    func tooMany() {
        #expect(short(RemoteReply(code: 552, enhanced: enhanced(5, 5, 3))).hasPrefix("deferred"))
        #expect(short(RemoteReply(code: 552, enhanced: enhanced(5, 2, 2))) == "failed 5.2.2 refusedByHost")
        #expect(ReplyMeaning.endsRecipientList(RemoteReply(code: 452)))
        #expect(ReplyMeaning.endsRecipientList(RemoteReply(code: 552)))
        #expect(!ReplyMeaning.endsRecipientList(RemoteReply(code: 552, enhanced: enhanced(5, 2, 2))))
        #expect(!ReplyMeaning.endsRecipientList(RemoteReply(code: 451)))
    }
}

@Suite("Which addresses are connected to")
struct AddressRulesTests {
    @Test(
        "a stranger's DNS cannot lead to this machine or to magic addresses",
        arguments: [
            "0.0.0.0", "::", "127.0.0.1", "::1", "::ffff:127.0.0.1", "224.0.0.1", "ff02::1", "255.255.255.255",
            "169.254.169.254", "fe80::1", "192.0.2.7",
        ]
    )
    func refused(_ text: String) throws {
        let rules = AddressRules(own: [try #require(IPAddress("192.0.2.7"))])
        #expect(!rules.allows(try #require(IPAddress(text))))
    }

    @Test("families take turns, IPv6 first, and one can be switched off")
    func order() throws {
        let addresses = try ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"].map { try #require(IPAddress($0)) }
        #expect(AddressRules().order(addresses).map(\.text) == ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"])
        #expect(AddressRules(allowsIPv6: false).order(addresses).count == 3)
        #expect(AddressRules(allowsIPv4: false).order(addresses).map(\.text) == ["2001:db8::1"])
        #expect(AddressRules(allowsLoopback: true).allows(try #require(IPAddress("127.0.0.1"))))
    }
}
