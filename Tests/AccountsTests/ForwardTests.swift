// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import Store
import Testing
import Vault

@testable import Accounts

@Suite("Aliases, forwards and catch-alls")
struct ForwardTests {
    private let directory = FileManager.default.temporaryDirectory.path + "/postern-forwards-\(UUID().uuidString)"
    private let password = Array("correct horse".utf8)

    private func withAccounts(_ body: (Accounts, RecordStore) async throws -> Void) async throws {
        let time = Time(wall: { WallTime(seconds: 1_800_000_000) }, boot: { BootTime(milliseconds: 0) })
        let vault = try Vault.ephemeral()
        let records = try RecordStore.open(directory: directory, vault: vault, time: time, log: .none)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let accounts = try await Accounts.load(from: records, log: .none)
        for name in ["alice", "bob"] {
            let account = Account(name: try self.name(name), addresses: [try address(name + "@example.org")])
            try await accounts.add(account, password: password)
        }
        try await body(accounts, records)
        await records.close()
    }

    private func address(_ text: String) throws -> EmailAddress { try #require(EmailAddress(text)) }

    private func name(_ text: String) throws -> AccountName { try #require(AccountName(text)) }

    private func alias(_ text: String, _ targets: String...) throws -> Alias {
        Alias(address: try address(text), targets: try targets.map(address))
    }

    private func forward(keepsCopy: Bool = false, _ targets: String...) throws -> Forward {
        Forward(targets: try targets.map(address), keepsCopy: keepsCopy)
    }

    @Test("a forward leads on, with or without the mailbox, and its mailbox stays one")
    func forwards() async throws {
        try await withAccounts { accounts, records in
            let alice = try address("alice+x@example.org")
            let outside = try address("a@far.test")
            try await accounts.setForward(try forward("a@far.test"), of: try name("alice"))
            #expect(accounts.resolve(alice) == .alias([outside]))
            #expect(accounts.mailbox(alice) == (try name("alice")))
            try await accounts.setForward(try forward(keepsCopy: true, "a@far.test"), of: try name("alice"))
            #expect(accounts.resolve(alice) == .alias([alice, outside]))
            // A change of the rest leaves it alone, and so does a restart.
            try await accounts.setPassword(Array("another one".utf8), of: try name("alice"))
            try await accounts.setAddresses([try address("alice@example.org")], of: try name("alice"))
            let again = try await Accounts.load(from: records, log: .none)
            #expect(again.resolve(alice) == .alias([alice, outside]))
            try await accounts.setForward(nil, of: try name("alice"))
            #expect(accounts.resolve(alice) == .user(try name("alice")))
            await #expect(throws: AccountError.unknown) { try await accounts.setForward(nil, of: try name("zoe")) }
        }
    }

    @Test("what would come back is refused, whichever way round it is built")
    func circles() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.setForward(try forward("bob@example.org"), of: try name("alice"))
            for target in ["alice@example.org", "bob@example.org", "bob+tag@example.org"] {
                let back = try forward(keepsCopy: true, "x@far.test", target)
                await #expect(throws: AccountError.circle) { try await accounts.setForward(back, of: try name("bob")) }
            }
            try await accounts.setAlias(try alias("one@example.org", "two@example.org"))
            try await accounts.setAlias(try alias("two@example.org", "three@example.org", "alice@example.org"))
            let back = try alias("three@example.org", "one@example.org", "alice@example.org")
            await #expect(throws: AccountError.circle) { try await accounts.setAlias(back) }
            await #expect(throws: AccountError.circle) {
                try await accounts.setAlias(try alias("own@example.org", "own+tag@example.org"))
            }
            // Nobody has `four`, until the catch-all gets its mail.
            try await accounts.setAlias(try alias("five@example.org", "four@example.org"))
            await #expect(throws: AccountError.circle) {
                try await accounts.setAlias(try alias("*@example.org", "five@example.org"))
            }
        }
    }

    @Test("a circle in records of other days leads nowhere and ends")
    func oldCircles() async throws {
        try await withAccounts { accounts, records in
            for (from, to) in [("one", "two"), ("two", "one"), ("three", "two")] {
                let record = AliasRecord(address: from + "@example.org", targets: [to + "@example.org"])
                let id = Array((from + "@example.org").utf8)
                try await records.put(kind: .alias, id: id, value: [UInt8](JSONEncoder().encode(record)))
            }
            try await accounts.reload()
            for name in ["one", "two", "three"] {
                #expect(accounts.resolve(try address(name + "@example.org")) == .circular)
            }
        }
    }

    @Test("a catch-all gets what is nobody's, of its domain alone")
    func catchAll() async throws {
        try await withAccounts { accounts, _ in
            let nobody = try address("nobody@example.org")
            #expect(accounts.resolve(nobody) == .unknown)
            try await accounts.setAlias(try alias("*@example.org", "alice@example.org"))
            #expect(accounts.resolve(nobody) == .alias([try address("alice@example.org")]))
            #expect(!accounts.knows(nobody) && accounts.mailbox(nobody) == nil)
            #expect(accounts.resolve(try address("bob+x@example.org")) == .user(try name("bob")))
            #expect(accounts.resolve(try address("nobody@other.org")) == .unknown)
            #expect(!accounts.maySend(Account(name: try name("alice"), addresses: []), as: nobody))
        }
    }
}
