// SPDX-License-Identifier: Apache-2.0

import Accounts
import Commitment
import DNSResolver
import Delivery
import Foundation
import Keyring
import Mail
import NIOPosix
import Pipeline
import Privacy
import SMTPWire
import Settings
import Store
import Testing
import Vault

@testable import Gateway

@Suite("Who may be written to")
struct RecipientCheckTests {
    private struct Forgetful: VerificationMemory {
        func recall(_ key: String) async -> RememberedVerification? { nil }
        func remember(_ key: String, _ answer: RememberedVerification, for span: Duration) async {}
    }

    private static func address(_ text: String) throws -> EmailAddress { try #require(EmailAddress(text)) }

    /// Nobody has a key; keys are required but at `off.test`, and for `alice@example.org`.
    private static func settings() throws -> PosternSettings {
        let ours = try #require(Domain("example.org"))
        let off = try #require(Domain("off.test"))
        var settings = PosternSettings(level: .one, hostname: ours)
        settings.accept = [ours]
        settings.routes = [Route(domain: .domain(ours), target: .maildir), Route(domain: .any, target: .mx)]
        settings.protection.mode = .required
        settings.protection.rules = [
            .init(for: .domain(off), mode: .off), .init(for: .address(try address("alice@example.org")), mode: .off),
        ]
        return settings
    }

    private func withCheck(_ body: (RecipientCheck, Accounts) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "postern-recipients-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let time = Time(wall: { WallTime(seconds: 1_790_000_000) }, boot: { BootTime(milliseconds: 0) })
        let vault = try Vault.ephemeral()
        let records = try RecordStore.open(directory: directory, vault: vault, time: time, log: .none)
        let accounts = try await Accounts.load(from: records, log: .none)
        let settings = try Self.settings()
        let delivery = MailDelivery(
            options: DeliveryOptions(hostname: settings.hostname),
            maildir: MaildirDelivery(root: directory) { _ in nil },
            resolver: try UnboundResolver(),
            time: time,
            group: MultiThreadedEventLoopGroup.singleton
        )
        let check = RecipientCheck(
            settings: settings,
            accounts: accounts,
            rules: ProtectionRules(settings: settings, keyring: Keyring(records: records)),
            verifier: RecipientVerifier(delivery: delivery, memory: Forgetful(), time: time),
            time: time
        )
        try await body(check, accounts)
        await delivery.close()
        await records.close()
    }

    @Test("the keyring is asked about the addresses behind an alias, not about the alias")
    func aliases() async throws {
        try await withCheck { check, accounts in
            let alice = Account(
                name: try #require(AccountName("alice")),
                addresses: [try Self.address("alice@example.org")]
            )
            try await accounts.add(alice, password: Array("correct horse".utf8))
            for (alias, targets) in [
                ("open@example.org", ["alice@example.org", "x@off.test"]),
                ("mixed@example.org", ["x@required.test", "alice@example.org"]),
                ("closed@example.org", ["x@required.test", "y@required.test"]),
            ] {
                try await accounts.setAlias(
                    Alias(address: try Self.address(alias), targets: try targets.map(Self.address))
                )
            }
            let rows: [(String, ours: Int?, strangers: Int?)] = [
                ("alice@example.org", nil, nil), ("open@example.org", nil, nil), ("mixed@example.org", nil, 550),
                ("closed@example.org", 550, 550), ("nobody@example.org", 550, 550), ("x@off.test", nil, 550),
                ("x@required.test", 550, 550),
            ]
            for row in rows {
                let recipient = try Self.address(row.0)
                #expect(await check.refusal(of: recipient, for: .ours(.network))?.code == row.ours, "\(row.0)")
                #expect(await check.refusal(of: recipient, for: .strangers)?.code == row.strangers, "\(row.0)")
            }
            #expect(
                await check.refusal(of: try Self.address("mixed@example.org"), for: .strangers) == .protectionRequired
            )
            // A user who is gone keeps nobody from the rest of an alias.
            for (alias, targets) in [
                ("partly@example.org", ["gone@example.org", "x@off.test"]), ("dead@example.org", ["gone@example.org"]),
            ] {
                try await accounts.setAlias(
                    Alias(address: try Self.address(alias), targets: try targets.map(Self.address))
                )
            }
            #expect(await check.refusal(of: try Self.address("partly@example.org"), for: .strangers) == nil)
            #expect(await check.refusal(of: try Self.address("dead@example.org"), for: .strangers) == .noSuchMailbox)
            let forward = Forward(targets: [try Self.address("x@required.test")], keepsCopy: true)
            try await accounts.setForward(forward, of: alice.name)
            #expect(
                await check.refusal(of: try Self.address("alice@example.org"), for: .strangers) == .protectionRequired
            )
            #expect(await check.refusal(of: try Self.address("x@off.test"), for: .strangers) == .relayDenied)
        }
    }
}
