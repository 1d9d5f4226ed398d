// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Mail
import SMTPWire
import Settings
import Testing

@testable import Setup

@Suite("Trying the DNS records")
struct DNSTrialTests {
    private static let here = IPAddress("192.0.2.1")

    @Test("records that lead here are fine")
    func good() async throws {
        var dns = FixedResolver()
        dns.mx("example.org", (10, "mail.example.org"))
        dns.host("mail.example.org", "192.0.2.1")
        dns.reverse("192.0.2.1", "mail.example.org")
        dns.txt("example.org", "other", "v=spf1 mx -all")
        let trials = try await Self.trials(dns)
        #expect(trials.allSatisfy { $0.state == .ok }, "\(trials)")
        #expect(trials.map(\.subject).contains("example.org DNSSEC"))
    }

    @Test("each record that is missing or leads elsewhere has a remedy")
    func bad() async throws {
        var dns = FixedResolver()
        dns.mx("example.org", (10, "mx.elsewhere.example"))
        dns.host("mail.example.org", "192.0.2.1")
        dns.reverse("192.0.2.1", "generic.provider.example")
        dns.txt("example.org", "v=spf1 -all", "v=spf1 mx -all")
        let faults = try await Self.trials(dns).filter { $0.state == .fault }
        #expect(Set(faults.map(\.subject)) == ["example.org MX", "192.0.2.1 PTR", "example.org SPF"])
        #expect(faults.allSatisfy { $0.remedy != nil })
    }

    @Test("another name of this machine in the MX record is fine, an address elsewhere is not known")
    func other() async throws {
        var dns = FixedResolver()
        dns.mx("example.org", (10, "mx.example.org"))
        dns.host("mx.example.org", "192.0.2.1")
        dns.host("mail.example.org", "198.51.100.1")
        dns.reverse("198.51.100.1", "mail.example.org")
        dns.txt("example.org", "v=spf1 mx -all")
        let trials = try await Self.trials(dns)
        #expect(trials.first { $0.subject == "example.org MX" }?.state == .ok)
        #expect(trials.first { $0.subject == "mail.example.org A" }?.state == .unknown)
    }

    @Test("a name server that does not answer is unknown, a bad signature is a fault")
    func unusable() async throws {
        var dns = FixedResolver()
        dns.put("example.org", .mx, .failed)
        dns.put("mail.example.org", .a, .failed)
        dns.put("mail.example.org", .aaaa, .failed)
        dns.put("example.org", .txt, DNSAnswer(security: .bogus))
        let trials = try await Self.trials(dns)
        #expect(trials.first { $0.subject == "example.org MX" }?.state == .unknown)
        #expect(trials.first { $0.subject == "mail.example.org A" }?.state == .unknown)
        #expect(trials.first { $0.subject == "example.org SPF" }?.state == .fault)
    }

    @Test("behind a listener of this machine alone nothing is asked")
    func loopback() async throws {
        #expect(try await Self.trials(FixedResolver(), address: "127.0.0.1").isEmpty)
    }

    private static func trials(_ dns: FixedResolver, address: String = "::") async throws -> [Trial] {
        let settings = try PosternSettings.parse(
            text: """
                level = 1
                hostname = "mail.example.org"
                accept = ["example.org"]
                [[listener]]
                role = "mx"
                address = "\(address)"
                [[route]]
                domain = "example.org"
                maildir = true
                """,
            name: "postern.toml"
        )
        return await DNSTrials(settings, resolver: dns, own: [try #require(here)]).run()
    }
}
