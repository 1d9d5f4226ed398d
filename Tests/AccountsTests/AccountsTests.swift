// SPDX-License-Identifier: Apache-2.0

import Foundation
import Mail
import Privacy
import Store
import Testing
import Vault

@testable import Accounts

@Suite("Accounts")
struct AccountsTests {
    private let directory = FileManager.default.temporaryDirectory.path + "/postern-accounts-\(UUID().uuidString)"
    private let vault: Vault

    init() throws { vault = try Vault.ephemeral() }

    private func withAccounts(_ body: (Accounts, RecordStore) async throws -> Void) async throws {
        let time = Time(wall: { WallTime(seconds: 1_800_000_000) }, boot: { BootTime(milliseconds: 0) })
        let records = try RecordStore.open(directory: directory, vault: vault, time: time, log: .none)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(try await Accounts.load(from: records, log: .none), records)
        await records.close()
    }

    private func address(_ text: String) throws -> EmailAddress { try #require(EmailAddress(text)) }

    private func name(_ text: String) throws -> AccountName { try #require(AccountName(text)) }

    private func account(_ name: String, _ addresses: String...) throws -> Account {
        Account(name: try self.name(name), addresses: try addresses.map(address))
    }

    private let password = Array("correct horse".utf8)

    @Test(
        "a login that would be no safe folder name is refused",
        arguments: [
            "", ".", "..", ".hidden", "a/b", "a b", "-x", "a\0", "ä", "a\n", "../x", String(repeating: "a", count: 65),
        ]
    )
    func unsafeNames(text: String) { #expect(AccountName(text) == nil) }

    @Test("safe names are folded")
    func safeNames() { #expect(AccountName("Alice.B-c_1")?.text == "alice.b-c_1") }

    @Test("sign-in by name or address; a wrong name and a wrong password are the same to the outside")
    func signIn() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.add(try account("alice", "alice@example.org", "al@example.org"), password: password)
            let alice = try account("alice", "alice@example.org", "al@example.org")
            #expect(await accounts.verify(login: "alice", password: password) == .accepted(alice))
            #expect(await accounts.verify(login: "AL@example.org", password: password) == .accepted(alice))
            #expect(await accounts.verify(login: "alice", password: Array("correct hors".utf8)) == .rejected)
            #expect(await accounts.verify(login: "bob", password: password) == .rejected)
            #expect(await accounts.verify(login: "", password: []) == .rejected)
            try await accounts.setPassword(Array("another one".utf8), of: try name("alice"))
            #expect(await accounts.verify(login: "alice", password: password) == .rejected)
            #expect(await accounts.verify(login: "alice", password: Array("another one".utf8)) == .accepted(alice))
        }
    }

    @Test("an unknown name costs a password computation too")
    func unknownCostsTheSame() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.add(try account("alice", "alice@example.org"), password: password)
            func fastest(_ login: String) async -> Duration {
                var best = Duration.seconds(100)
                for _ in 0..<3 {
                    best = min(
                        best,
                        await ContinuousClock().measure { _ = await accounts.verify(login: login, password: [1]) }
                    )
                }
                return best
            }
            // A look-up alone takes microseconds; scrypt takes tens of milliseconds. Nothing finer is asserted.
            #expect(await fastest("nobody") * 10 > (await fastest("alice")))
        }
    }

    @Test("with too many at once the rest are told to come back")
    func busy() async throws {
        let thread = PasswordThread(mostWaiting: 2)
        let results = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 { group.addTask { await thread.run { usleep(50_000) } != nil } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(results >= 2 && results < 6)
    }

    @Test("addresses resolve to users, with tags, and to expanded aliases")
    func resolution() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.add(try account("alice", "alice@example.org", "a+b@example.org"), password: password)
            try await accounts.setAlias(
                Alias(
                    address: try address("team@example.org"),
                    targets: try ["alice@example.org", "x@other.net"].map(address)
                )
            )
            try await accounts.setAlias(
                Alias(
                    address: try address("all@example.org"),
                    targets: try ["team@example.org", "x@other.net"].map(address)
                )
            )
            let alice = AddressResolution.user(try name("alice"))
            #expect(accounts.resolve(try address("Alice@EXAMPLE.org")) == alice)
            #expect(accounts.resolve(try address("alice+tag@example.org")) == alice)
            #expect(accounts.resolve(try address("alice+tag@example.org"), tagSeparator: nil) == .unknown)
            #expect(accounts.resolve(try address("a+b@example.org")) == alice)
            #expect(accounts.resolve(try address("a@example.org")) == .unknown)
            #expect(accounts.resolve(try address("alice@other.net")) == .unknown)
            let expanded = AddressResolution.alias(try ["alice@example.org", "x@other.net"].map(address))
            #expect(accounts.resolve(try address("all@example.org")) == expanded)
            #expect(accounts.resolve(try address("team+x@example.org")) == expanded)
        }
    }

    @Test("an alias chain is followed ten deep and no deeper")
    func deepAliases() async throws {
        try await withAccounts { accounts, _ in
            for index in 1...11 {
                try await accounts.setAlias(
                    Alias(
                        address: try address("a\(index)@example.org"),
                        targets: [try address("a\(index + 1)@example.org")]
                    )
                )
            }
            #expect(accounts.resolve(try address("a2@example.org")) == .alias([try address("a12@example.org")]))
            #expect(accounts.resolve(try address("a1@example.org")) == .circular)
        }
    }

    @Test("a user may send as their own addresses, tags included, and as nothing else")
    func maySend() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.add(try account("alice", "alice@example.org"), password: password)
            try await accounts.add(try account("bob", "bob@example.org"), password: password)
            let alice = try account("alice", "alice@example.org")
            #expect(accounts.maySend(alice, as: try address("alice@example.org")))
            #expect(accounts.maySend(alice, as: try address("alice+lists@example.org")))
            #expect(!accounts.maySend(alice, as: try address("alice+lists@example.org"), tagSeparator: nil))
            #expect(!accounts.maySend(alice, as: try address("bob@example.org")))
            #expect(!accounts.maySend(alice, as: try address("alice@example.com")))
            #expect(accounts.addresses(of: alice.name) == [try address("alice@example.org")])
        }
    }

    @Test("role addresses and whole domains may be granted and taken back, and are nobody's mailbox")
    func sendAs() async throws {
        try await withAccounts { accounts, _ in
            let role = try #require(AddressPattern("office@example.org"))
            let domain = try #require(AddressPattern("*@lists.example.org"))
            #expect(AddressPattern("*") == nil && AddressPattern("*@") == nil && AddressPattern("no address") == nil)
            let alice = Account(
                name: try name("alice"),
                addresses: [try address("alice@example.org")],
                sendAs: [role]
            )
            try await accounts.add(alice, password: password)
            #expect(accounts.maySend(alice, as: try address("Office+autumn@example.org")))
            #expect(!accounts.maySend(alice, as: try address("any@lists.example.org")))
            try await accounts.changeSendAs(of: alice.name, add: [domain, role], remove: [])
            #expect(accounts.sendAs(of: alice.name) == [role, domain])
            #expect(accounts.maySend(alice, as: try address("any@lists.example.org")))
            #expect(!accounts.maySend(alice, as: try address("any@sub.lists.example.org")))
            #expect(accounts.resolve(try address("office@example.org")) == .unknown)
            try await accounts.setPassword(Array("another one".utf8), of: alice.name)
            try await accounts.changeSendAs(of: alice.name, add: [], remove: [role])
            #expect(accounts.sendAs(of: alice.name) == [domain])
            #expect(!accounts.maySend(alice, as: try address("office@example.org")))
            await #expect(throws: AccountError.unknown) {
                try await accounts.changeSendAs(of: try name("bob"), add: [role], remove: [])
            }
        }
    }

    @Test("a login at Dovecot sends as itself in our domains and as what was granted; its first sign-in is kept")
    func dovecotLogins() async throws {
        try await withAccounts { accounts, records in
            try await accounts.add(try account("carol", "carol@example.org"), password: password)
            let login = try #require(AccountName(dovecotLogin: "Dora@Example.org"))
            try await accounts.changeSendAs(
                of: login,
                add: [try #require(AddressPattern("office@example.org"))],
                remove: []
            )
            let first = WallTime(seconds: 1_800_000_000)
            let dora = await accounts.dovecotAccount(login, now: first) { $0.wire == "example.org" }
            #expect(dora.addresses == [try address("dora@example.org")])
            #expect(accounts.maySend(dora, as: try address("dora+x@example.org")))
            #expect(accounts.maySend(dora, as: try address("office@example.org")))
            #expect(!accounts.maySend(dora, as: try address("carol@example.org")))
            let stranger = try #require(AccountName(dovecotLogin: "eve@elsewhere.test"))
            #expect(await accounts.dovecotAccount(stranger, now: first) { _ in false }.addresses.isEmpty)
            // The same text is another account than our own user's.
            let namesake = try #require(AccountName(dovecotLogin: "carol"))
            let other = await accounts.dovecotAccount(namesake, now: first) { _ in true }
            #expect(!accounts.maySend(other, as: try address("carol@example.org")))
            _ = await accounts.dovecotAccount(login, now: WallTime(seconds: 1_900_000_000)) { _ in true }
            let again = try await Accounts.load(from: records, log: .none)
            #expect(again.created(login) == first)
            try await again.forgetDovecot(login)
            #expect(again.created(login) == nil && again.sendAs(of: login).isEmpty)
        }
    }

    @Test("SCRAM is offered once a user asks for it; a new password renews the record, and it can be given up")
    func scram() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.add(try account("alice", "alice@example.org"), password: password)
            #expect(!accounts.offersSCRAM)
            let alice = try name("alice")
            try await accounts.setPassword(password, of: alice, scram: true)
            let record = accounts.scramVerifier(login: "alice@example.org")
            #expect(accounts.offersSCRAM && accounts.usesSCRAM(alice))
            #expect(record == accounts.scramVerifier(login: "alice"))
            try await accounts.setPassword(Array("another one".utf8), of: alice)
            #expect(accounts.usesSCRAM(alice) && accounts.scramVerifier(login: "alice") != record)
            await #expect(throws: AccountError.badSCRAMPassword) {
                try await accounts.setPassword(Array("gr\u{fc}ne Katze".utf8), of: alice)
            }
            try await accounts.setPassword(Array("gr\u{fc}ne Katze".utf8), of: alice, scram: false)
            #expect(!accounts.offersSCRAM && accounts.scramAccount(login: "alice") == nil)
            #expect(accounts.scramVerifier(login: "x").salt == accounts.scramVerifier(login: "X").salt)
            #expect(accounts.scramVerifier(login: "x").salt != accounts.scramVerifier(login: "y").salt)
        }
    }

    @Test("names and addresses are taken once; what is wrong is refused")
    func refusals() async throws {
        try await withAccounts { accounts, _ in
            try await accounts.add(try account("alice", "alice@example.org"), password: password)
            await #expect(throws: AccountError.exists) {
                try await accounts.add(try account("alice", "x@example.org"), password: password)
            }
            await #expect(throws: AccountError.addressTaken) {
                try await accounts.add(try account("bob", "ALICE@example.org"), password: password)
            }
            await #expect(throws: AccountError.badPassword) {
                try await accounts.add(try account("bob", "bob@example.org"), password: Array("short".utf8))
            }
            await #expect(throws: AccountError.noAddresses) {
                try await accounts.add(try account("bob"), password: password)
            }
            let alias = Alias(address: try address("alice@example.org"), targets: [try address("x@example.org")])
            await #expect(throws: AccountError.addressTaken) { try await accounts.setAlias(alias) }
            let circle = Alias(address: try address("c@example.org"), targets: [try address("c@example.org")])
            await #expect(throws: AccountError.circle) { try await accounts.setAlias(circle) }
            let empty = Alias(address: try address("c@example.org"), targets: [])
            await #expect(throws: AccountError.badAlias) { try await accounts.setAlias(empty) }
            await #expect(throws: AccountError.unknown) { try await accounts.remove(try name("bob")) }
        }
    }

    @Test("two that add the same address at once: one gets it")
    func concurrentAdds() async throws {
        try await withAccounts { accounts, _ in
            let added = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<4 {
                    group.addTask {
                        guard let name = AccountName("user\(index)"), let address = EmailAddress("same@example.org")
                        else {
                            return false
                        }
                        let account = Account(name: name, addresses: [address])
                        return (try? await accounts.add(account, password: Array("correct horse".utf8))) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(added == 1)
            #expect(accounts.list().count == 1)
        }
    }

    @Test("changes are durable, sealed, and undone by remove; postmaster is the one named so, else the first user")
    func durability() async throws {
        try await withAccounts { accounts, records in
            let domain = try #require(Domain("example.org"))
            #expect(accounts.postmaster(domain: domain) == .unknown)
            try await accounts.add(try account("zoe", "zoe-canary@example.org"), password: password)
            try await accounts.add(try account("alice", "alice@example.org"), password: password)
            try await accounts.setPassword(Array("another one".utf8), of: try name("zoe"))
            var again = try await Accounts.load(from: records, log: .none)
            #expect(again.list().map(\.name.text) == ["alice", "zoe"])
            #expect(again.postmaster(domain: domain) == .user(try name("zoe")))
            try await again.setAlias(
                Alias(address: try address("postmaster@example.org"), targets: [try address("alice@example.org")])
            )
            #expect(again.postmaster(domain: domain) == .alias([try address("alice@example.org")]))
            for file in try FileManager.default.contentsOfDirectory(atPath: directory) {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: directory + "/" + file))
                #expect(bytes.range(of: Data("zoe".utf8)) == nil && bytes.range(of: Data("canary".utf8)) == nil)
            }
            try await again.remove(try name("zoe"))
            try await again.removeAlias(try address("postmaster@example.org"))
            again = try await Accounts.load(from: records, log: .none)
            #expect(again.list().map(\.name.text) == ["alice"])
            #expect(again.aliases().isEmpty)
        }
    }
}
