// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import Store
import Testing
import Vault

@testable import Pipeline

@Suite("Return paths of forwarded mail (SRS)")
struct SenderRewritingTests {
    private func rewriting(_ fixture: PipelineFixture, vault: Vault? = nil) throws -> SenderRewriting {
        SenderRewriting(
            settings: try PipelineFixture.settings(),
            vault: vault ?? fixture.vault,
            records: fixture.records,
            time: fixture.time
        )
    }

    private func rewritten(_ text: String, _ rewriting: SenderRewriting) async throws -> EmailAddress {
        let forwarder = try address("team@example.org")
        let path = try await rewriting.reversePath(for: .address(try address(text)), forwarder: forwarder)
        return try #require(path.address)
    }

    static let senders = [
        "alice@elsewhere.test", "Alice.B+tag@sub.elsewhere.test", "\"a b\"@elsewhere.test", "a=b=c@elsewhere.test",
        "SRS0=abcd=4e=far.test=carol@relay.test", "srs0+abcd+4e+far.test+carol@relay.test",
        "SRS0=x@elsewhere.test", "SRSnothing@elsewhere.test", "srs1@elsewhere.test",
        // 64 octets, as newsletters have them.
        "bounce-2026-11-22-0123456789abcdef-0123456789abcdef-0123456789ab@news.elsewhere.test",
    ]

    @Test("what comes back goes to the sender it was made for", arguments: senders)
    func roundTrip(sender: String) async throws {
        let fixture = try await PipelineFixture()
        let rewriting = try rewriting(fixture)
        let path = try await rewritten(sender, rewriting)
        #expect(path.domain.key == "example.org" && path.localPart.utf8.count <= 64)
        #expect(path.localPart.hasPrefix("SRS0=") || path.localPart.hasPrefix("SRS1="))
        #expect(try await rewriting.read(path) == .original(try address(sender)))
        // Servers on the way may fold capitals.
        let folded = try #require(EmailAddress(localPart: path.localPart.lowercased(), domain: path.domain))
        #expect(try await rewriting.read(folded) == .original(try address(sender)))
    }

    @Test("another forwarder's address keeps its first hop and its rest")
    func second() async throws {
        let fixture = try await PipelineFixture()
        let rewriting = try rewriting(fixture)
        let first = try await rewritten("SRS0=abcd=4e=far.test=carol@relay.test", rewriting)
        #expect(first.localPart.hasPrefix("SRS1=") && first.localPart.hasSuffix("=relay.test==abcd=4e=far.test=carol"))
        let again = try await rewritten("SRS1=hash=relay.test==abcd=4e=far.test=carol@third.test", rewriting)
        #expect(again.localPart.hasSuffix("=relay.test==abcd=4e=far.test=carol"))
        #expect(
            try await rewriting.read(again) == .original(try address("SRS0=abcd=4e=far.test=carol@relay.test"))
        )
    }

    @Test("the null path and our own senders stay")
    func unchanged() async throws {
        let fixture = try await PipelineFixture()
        let rewriting = try rewriting(fixture)
        let forwarder = try address("team@example.org")
        #expect(try await rewriting.reversePath(for: .null, forwarder: forwarder) == .null)
        let own = ReversePath.address(try address("alice@example.org"))
        #expect(try await rewriting.reversePath(for: own, forwarder: forwarder) == own)
        for text in ["alice@example.org", "srs0@example.org", "SRS2=a=b=c=d@example.org", "SRS0=a=b=c=d@off.test"] {
            #expect(try await rewriting.read(try address(text)) == .other)
        }
    }

    @Test("any change of it, another domain or another vault make it invalid")
    func tampering() async throws {
        let fixture = try await PipelineFixture()
        let rewriting = try rewriting(fixture)
        for sender in [Self.senders[0], Self.senders[4], Self.senders[9]] {
            let path = try await rewritten(sender, rewriting)
            let bytes = Array(path.localPart.utf8)
            for index in 5..<bytes.count {
                var changed = bytes
                changed[index] = changed[index] == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
                let text = String(decoding: changed, as: UTF8.self)
                guard text.lowercased() != path.localPart.lowercased(),
                    let other = EmailAddress(localPart: text, domain: path.domain)
                else { continue }
                #expect(try await rewriting.read(other) == .invalid, "\(text)")
            }
            let stranger = try self.rewriting(fixture, vault: try Vault.ephemeral())
            #expect(try await stranger.read(path) == .invalid)
        }
    }

    @Test(
        "it is good for 21 days and not for the same day of a later round",
        arguments: [senders[0], senders[4], senders[9]]
    )
    func expiry(sender: String) async throws {
        let fixture = try await PipelineFixture()
        let path = try await rewritten(sender, try rewriting(fixture))
        fixture.advance(.seconds(21 * 86_400))
        #expect(try await rewriting(fixture).read(path) == .original(try address(sender)))
        fixture.advance(.seconds(86_400))
        #expect(try await rewriting(fixture).read(path) == .invalid)
        fixture.advance(.seconds((1024 - 22) * 86_400))
        #expect(try await rewriting(fixture).read(path) == .invalid)
    }

    @Test(
        "what only looks like one is invalid",
        arguments: [
            "SRS0=", "SRS0==", "SRS0====", "SRS0=a=b=c", "SRS1=", "SRS1===", "SRS1=aaaaaaaaaa=x=", "SRS0==aa==x",
        ]
    )
    func forms(local: String) async throws {
        let fixture = try await PipelineFixture()
        let made = try #require(EmailAddress(localPart: local + "x", domain: try domain("example.org")))
        #expect(try await rewriting(fixture).read(made) == .invalid)
    }
}
