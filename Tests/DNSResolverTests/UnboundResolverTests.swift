// SPDX-License-Identifier: Apache-2.0

import Foundation
import SMTPWire
import Testing

@testable import DNSResolver

@Suite("Resolving through libunbound, against a real name server")
struct UnboundResolverTests {
    private static func withResolver(_ body: (UnboundResolver) async throws -> Void) async throws {
        let zones = try LocalZones()
        defer { zones.stop() }
        let server = "127.0.0.1@\(zones.port)"
        let options = ResolverOptions(
            trustAnchor: .file(zones.anchorFile),
            stubs: ["post.test", "signed.test", "broken.test"].map { ResolverOptions.Stub(zone: $0, server: server) },
            timeout: .seconds(5)
        )
        try await body(try UnboundResolver(options))
    }

    @Test("an unsigned zone's records come back typed, and marked insecure")
    func unsigned() async throws {
        try await Self.withResolver { resolver in
            let mx = await resolver.resolve("post.test", .mx)
            #expect(mx.security == .insecure)
            #expect(mx.code == .noError)
            #expect(
                Set(mx.records) == [
                    .mx(preference: 10, exchange: "mx_1.post.test"), .mx(preference: 20, exchange: "backup.post.test"),
                ]
            )
            #expect(mx.timeToLive > .zero && mx.timeToLive <= .seconds(300))
            #expect(await resolver.resolve("mx_1.post.test.", .a).addresses.map(\.text) == ["192.0.2.1"])
            #expect(await resolver.resolve("mx_1.post.test", .aaaa).addresses.map(\.text) == ["2001:db8::1"])
            let null = await resolver.resolve("null.post.test", .mx)
            #expect(null.records == [.mx(preference: 0, exchange: "")])
        }
    }

    @Test("absence of a name and absence of a record are told apart")
    func absence() async throws {
        try await Self.withResolver { resolver in
            let nothing = await resolver.resolve("nobody.post.test", .a)
            #expect(nothing.nameDoesNotExist)
            #expect(nothing.isUsable)
            let noData = await resolver.resolve("plain.post.test", .a)
            #expect(noData.code == .noError)
            #expect(noData.records.isEmpty)
            #expect(!noData.nameDoesNotExist)
        }
    }

    @Test("a CNAME is followed and its end is named")
    func alias() async throws {
        try await Self.withResolver { resolver in
            let answer = await resolver.resolve("alias.post.test", .a)
            #expect(answer.addresses.map(\.text) == ["192.0.2.2"])
            #expect(answer.canonicalName?.lowercased() == "backup.post.test")
        }
    }

    @Test("at most 32 addresses of one host are given out")
    func manyAddresses() async throws {
        try await Self.withResolver { resolver in
            #expect(await resolver.resolve("many.post.test", .a).addresses.count == 32)
        }
    }

    @Test("TLSA records come back typed, by an alias too, and their absence is proven")
    func associations() async throws {
        try await Self.withResolver { resolver in
            let digest = [UInt8](repeating: 0x0a, count: 32)
            for name in ["_25._tcp.mx.signed.test", "shared.signed.test"] {
                let answer = await resolver.resolve(name, .tlsa)
                #expect(answer.security == .secure)
                #expect(answer.records == [.tlsa(usage: 3, selector: 1, matching: 1, data: digest)])
            }
            let absent = await resolver.resolve("_25._tcp.ns.signed.test", .tlsa)
            #expect(absent.security == .secure && absent.records.isEmpty)
        }
    }

    @Test("an alias out of a signed zone ends insecure, and is itself secure")
    func aliasOutOfSignedZone() async throws {
        try await Self.withResolver { resolver in
            let answer = await resolver.resolve("outside.signed.test", .a)
            #expect(answer.security == .insecure && answer.canonicalName == "backup.post.test")
            let alias = await resolver.resolve("outside.signed.test", .cname)
            #expect(alias.security == .secure && alias.names == ["backup.post.test"])
            let unsigned = await resolver.resolve("alias.post.test", .cname)
            #expect(unsigned.security == .insecure && unsigned.names == ["backup.post.test"])
        }
    }

    @Test("signed data is secure, proven absence is secure, and changed data is bogus and withheld")
    func validation() async throws {
        try await Self.withResolver { resolver in
            let signed = await resolver.resolve("mx.signed.test", .a)
            #expect(signed.security == .secure)
            #expect(signed.addresses.map(\.text) == ["192.0.2.10"])
            let absent = await resolver.resolve("nobody.signed.test", .mx)
            #expect(absent.security == .secure)
            #expect(absent.nameDoesNotExist)
            let changed = await resolver.resolve("mx.broken.test", .a)
            #expect(changed.security == .bogus)
            #expect(changed.records.isEmpty)
            #expect(!changed.isUsable)
        }
    }

    @Test("a silent server ends in a failed answer after the time-out, and a cancelled question at once")
    func silence() async throws {
        let silent = try SilentServer()
        defer { silent.stop() }
        let resolver = try UnboundResolver(
            ResolverOptions(
                trustAnchor: .none,
                stubs: [.init(zone: "post.test", server: "127.0.0.1@\(silent.port)")],
                timeout: .milliseconds(600)
            )
        )
        let clock = ContinuousClock()
        let start = clock.now
        #expect(await resolver.resolve("a.post.test", .a) == .failed)
        #expect(clock.now - start >= .milliseconds(500))

        let slow = try UnboundResolver(
            ResolverOptions(
                trustAnchor: .none,
                stubs: [.init(zone: "post.test", server: "127.0.0.1@\(silent.port)")],
                timeout: .seconds(3600)
            )
        )
        let task = Task { await slow.resolve("b.post.test", .a) }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        #expect(await task.value == .failed)
    }

    @Test("many questions at a time are all answered")
    func concurrency() async throws {
        try await Self.withResolver { resolver in
            let answered = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<300 {
                    group.addTask { await resolver.resolve("no\(index).post.test", .a).nameDoesNotExist }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(answered == 300)
        }
    }

    @Test(
        "a name that cannot be one is a failed answer",
        arguments: [
            "", "a\0b.test", String(repeating: "a.", count: 600), "..", String(repeating: "x", count: 64) + ".test",
        ]
    )
    func impossibleName(_ name: String) async throws {
        let resolver = try UnboundResolver(ResolverOptions(trustAnchor: .none, timeout: .seconds(2)))
        #expect(await !resolver.resolve(name, .a).isUsable)
    }

    @Test("an anchor file that is not there is an error that names the setting")
    func missingAnchor() {
        let expected = ResolverError.refused(setting: "trust anchor file", reason: "it cannot be read")
        #expect(throws: expected) { try UnboundResolver(ResolverOptions(trustAnchor: .file("/nowhere/anchor"))) }
        #expect(throws: expected) { try UnboundResolver(ResolverOptions(extraAnchorFiles: ["/nowhere/anchor"])) }
    }
    @Test("the anchors built in are those that the distribution ships")
    func shippedAnchors() throws {
        let shipped = try String(contentsOfFile: "/usr/share/dns/root.ds", encoding: .utf8)
            .split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(shipped == ResolverOptions.rootAnchors)
    }
}
