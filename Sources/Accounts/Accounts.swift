// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Mail
package import Privacy
package import Store
import Synchronization

/// What an address means here.
package enum AddressResolution: Sendable, Equatable {
    /// A user's mailbox; the tag, if the address had one, is lost here and kept in the address itself.
    case user(AccountName)
    /// Other addresses, ours or elsewhere; aliases among them are expanded, users' addresses are not.
    case alias([EmailAddress])
    case unknown
    /// An alias or a forward that leads nowhere but round in a circle, or too deep.
    case circular
}

/// What came of a sign-in with a password.
package enum SignIn: Sendable, Equatable {
    case accepted(Account)
    /// Wrong name or wrong password; which of them is not told, nor shown by the time it took.
    case rejected
    /// Too many are signing in: `454 4.7.0`.
    case busy
}

/// Users, their addresses and aliases: sealed records, of which a picture is kept in memory.
package final class Accounts: Sendable {
    static let mostSendAs = 100

    let records: RecordStore
    let directory: Mutex<AddressBook>
    /// One change at a time, so that two cannot take the same address.
    let changes = ChangeQueue()
    private let log: Log
    private let passwords: PasswordThread

    /// Reads all accounts and aliases.
    package static func load(from records: RecordStore, log: Log) async throws(StoreError) -> Accounts {
        let accounts = Accounts(records: records, log: log, passwords: PasswordThread())
        try await accounts.reload()
        return accounts
    }

    init(records: RecordStore, log: Log, passwords: PasswordThread) {
        self.records = records
        self.log = log
        self.passwords = passwords
        directory = Mutex(AddressBook())
    }

    /// Reads all again; for when another process has changed them.
    package func reload() async throws(StoreError) {
        var fresh = AddressBook()
        let decoder = JSONDecoder()
        for stored in try await records.all(.account) {
            guard let record = try? decoder.decode(AccountRecord.self, from: Data(stored.value)),
                let account = record.account
            else {
                log.error("an account's record makes no sense and is left out")
                continue
            }
            fresh.accounts[account.name] = record
            fresh.order.append(account.name)
            for address in account.addresses { fresh.owners[address.lookupKey] = account.name }
        }
        for stored in try await records.all(.alias) {
            guard let alias = try? decoder.decode(AliasRecord.self, from: Data(stored.value)).alias else { continue }
            fresh.aliases[alias.address.lookupKey] = alias
        }
        for stored in try await records.all(.dovecotAccount) {
            guard let record = try? decoder.decode(DovecotAccountRecord.self, from: Data(stored.value)),
                let name = record.name
            else { continue }
            fresh.dovecot[name] = record
        }
        directory.withLock { $0 = fresh }
    }

    // MARK: Questions

    /// Checks a password.
    ///
    /// A name that does not exist takes as long as a wrong password.
    package func verify(login: String, password: [UInt8]) async -> SignIn {
        let found = find(login: login)
        let verifier = found?.verifier ?? .nobody
        guard let isRight = await passwords.run({ verifier.accepts(password) }) else { return .busy }
        guard isRight, let account = found?.account else { return .rejected }
        return .accepted(account)
    }

    /// Whether the login is one of our own users', by name or address.
    package func isOwn(login: String) -> Bool { find(login: login) != nil }

    /// What mail for `address` means: the address itself, else without its tag, else the catch-all of its domain.
    package func resolve(_ address: EmailAddress, tagSeparator: Character? = "+") -> AddressResolution {
        directory.withLock { $0.resolve(address, tagSeparator: tagSeparator) }
    }

    /// Whether a user or an alias has this address, its tag aside; a catch-all does not count.
    package func knows(_ address: EmailAddress, tagSeparator: Character? = "+") -> Bool {
        directory.withLock { $0.knows(address, tagSeparator: tagSeparator) }
    }

    /// The user whose mailbox this address is, forwards aside; nil when there is none.
    package func mailbox(_ address: EmailAddress, tagSeparator: Character? = "+") -> AccountName? {
        directory.withLock { directory in
            if let name = directory.owners[address.lookupKey] { return name }
            guard directory.aliases[address.lookupKey] == nil, let separator = tagSeparator,
                let plain = address.withoutTag(separator)
            else { return nil }
            return directory.owners[plain.lookupKey]
        }
    }

    /// The addresses that a user may send as.
    package func addresses(of name: AccountName) -> [EmailAddress] {
        account(name)?.addresses ?? []
    }

    /// Whether a user may send as `address`: their own, with any tag, and what their `sendAs` covers.
    ///
    /// What has changed since they signed in holds, but for the address that a login at Dovecot is.
    package func maySend(_ account: Account, as address: EmailAddress, tagSeparator: Character? = "+") -> Bool {
        let name = account.name
        return directory.withLock { directory in
            let granted = Self.sendAs(name, directory)
            if granted.contains(where: { $0.matches(address, tagSeparator: tagSeparator) }) { return true }
            if name.home == .dovecot {
                return account.addresses.contains {
                    AddressPattern.address($0).matches(address, tagSeparator: tagSeparator)
                }
            }
            if directory.owners[address.lookupKey] == name { return true }
            guard let separator = tagSeparator, let plain = address.withoutTag(separator) else { return false }
            return directory.owners[plain.lookupKey] == name
        }
    }

    package func account(_ name: AccountName) -> Account? {
        directory.withLock { $0.accounts[name]?.account }
    }

    /// Every account, by name.
    package func list() -> [Account] {
        directory.withLock { $0.accounts.values.compactMap(\.account) }.sorted { $0.name < $1.name }
    }

    /// Every alias.
    package func aliases() -> [Alias] {
        directory.withLock { Array($0.aliases.values) }.sorted { $0.address.lookupKey < $1.address.lookupKey }
    }

    /// Who gets mail for `postmaster` (RFC 5321 section 4.5.1): the account or alias of that name in `domain`, else the
    /// account that was added first.
    package func postmaster(domain: Domain) -> AddressResolution {
        if let address = EmailAddress(localPart: "postmaster", domain: domain) {
            let named = resolve(address, tagSeparator: nil)
            if named != .unknown { return named }
        }
        return directory.withLock { $0.order.first }.map { .user($0) } ?? .unknown
    }

    // MARK: Changes; each is durable on return

    /// Adds a user.
    ///
    /// - Parameter scram: whether a record for SCRAM is made beside the verifier.
    /// - Parameter created: now, for a soft start; nil for a user whom the operator vouches for.
    package func add(
        _ account: Account,
        password: [UInt8],
        scram: Bool = false,
        created: WallTime? = nil
    ) async throws {
        guard !account.addresses.isEmpty else { throw AccountError.noAddresses }
        guard account.sendAs.count <= Self.mostSendAs else { throw AccountError.tooManySendAs }
        let verifiers = try await makeVerifiers(password, scram: scram)
        let record = AccountRecord(
            name: account.name.text,
            addresses: account.addresses.map(\.wire),
            verifier: verifiers.password,
            scram: verifiers.scram,
            sendAs: account.sendAs.map(\.wire),
            created: created?.seconds
        )
        try await changes.perform { [self] in
            try directory.withLock { directory in
                guard directory.accounts[account.name] == nil else { throw AccountError.exists }
                for address in account.addresses {
                    try Self.requireFree(address.lookupKey, for: account.name, directory)
                }
            }
            try await save(record)
        }
    }

    /// Replaces a user's addresses.
    package func setAddresses(_ addresses: [EmailAddress], of name: AccountName) async throws {
        guard !addresses.isEmpty else { throw AccountError.noAddresses }
        try await change(name) { record, directory in
            for address in addresses { try Self.requireFree(address.lookupKey, for: name, directory) }
            record.addresses = addresses.map(\.wire)
        }
    }

    /// Sends a user's mail on, or with nil no more.
    package func setForward(_ forward: Forward?, of name: AccountName) async throws {
        if let forward {
            guard (1...100).contains(forward.targets.count) else { throw AccountError.badAlias }
        }
        try await change(name) { record, directory in
            record.forwardTargets = forward?.targets.map(\.wire)
            record.keepsCopy = forward?.keepsCopy
            var changed = directory
            changed.accounts[name] = record
            if let first = record.account?.addresses.first, changed.isCircle(from: first) { throw AccountError.circle }
        }
    }

    /// Sets a user's password.
    ///
    /// - Parameter scram: whether there is a record for SCRAM from now on; nil: as before.
    package func setPassword(_ password: [UInt8], of name: AccountName, scram: Bool? = nil) async throws {
        guard let hadSCRAM = directory.withLock({ $0.accounts[name].map { $0.scram != nil } }) else {
            throw AccountError.unknown
        }
        let verifiers = try await makeVerifiers(password, scram: scram ?? hadSCRAM)
        try await change(name) { record, _ in
            record.verifier = verifiers.password
            record.scram = verifiers.scram
        }
    }

    /// Removes a user.
    ///
    /// The mail folder stays.
    package func remove(_ name: AccountName) async throws {
        try await changes.perform { [self] in
            guard account(name) != nil else { throw AccountError.unknown }
            try await records.remove(.account, id: Array(name.text.utf8))
            try await reload()
        }
    }

    /// Adds an alias, or replaces its targets.
    package func setAlias(_ alias: Alias) async throws {
        let key = alias.address.lookupKey
        guard (1...100).contains(alias.targets.count) else { throw AccountError.badAlias }
        try await changes.perform { [self] in
            try directory.withLock { directory in
                guard directory.owners[key] == nil else { throw AccountError.addressTaken }
                var changed = directory
                changed.aliases[key] = alias
                if changed.isCircle(from: alias.address) { throw AccountError.circle }
            }
            let record = AliasRecord(address: alias.address.wire, targets: alias.targets.map(\.wire))
            try await records.put(kind: .alias, id: Array(key.utf8), value: [UInt8](JSONEncoder().encode(record)))
            try await reload()
        }
    }

    package func removeAlias(_ address: EmailAddress) async throws {
        let key = address.lookupKey
        try await changes.perform { [self] in
            guard directory.withLock({ $0.aliases[key] != nil }) else { throw AccountError.unknown }
            try await records.remove(.alias, id: Array(key.utf8))
            try await reload()
        }
    }

    // MARK: Inside

    private typealias Verifiers = (password: PasswordVerifier, scram: SCRAMVerifier?)

    private func makeVerifiers(_ password: [UInt8], scram: Bool) async throws -> Verifiers {
        guard (8...1024).contains(password.count) else { throw AccountError.badPassword }
        if scram, !SCRAMVerifier.isPlain(password) { throw AccountError.badSCRAMPassword }
        let made = await passwords.run {
            PasswordVerifier(password: password).map {
                (password: $0, scram: scram ? SCRAMVerifier(password: password) : nil)
            }
        }
        guard let verifiers = made.flatMap({ $0 }) else { throw AccountError.badPassword }
        return verifiers
    }

    /// Changes a stored user, who must be there.
    func change(
        _ name: AccountName,
        _ body: @escaping @Sendable (inout AccountRecord, AddressBook) throws -> Void
    ) async throws {
        try await changes.perform { [self] in
            let record = try directory.withLock { directory in
                guard var record = directory.accounts[name] else { throw AccountError.unknown }
                try body(&record, directory)
                return record
            }
            try await save(record)
        }
    }

    private func save(_ record: AccountRecord) async throws {
        try await records.put(
            kind: .account,
            id: Array(record.name.utf8),
            lookups: record.account?.addresses.map(\.lookupKey) ?? [],
            value: [UInt8](JSONEncoder().encode(record))
        )
        try await reload()
    }

    /// A login is the account's name or one of its addresses.
    func find(login: String) -> AccountRecord? {
        directory.withLock { directory in
            if let name = AccountName(login), let record = directory.accounts[name] { return record }
            guard let address = EmailAddress(login), let name = directory.owners[address.lookupKey] else { return nil }
            return directory.accounts[name]
        }
    }

    private static func requireFree(_ key: String, for name: AccountName, _ directory: AddressBook) throws {
        if let owner = directory.owners[key], owner != name { throw AccountError.addressTaken }
        if directory.aliases[key] != nil { throw AccountError.addressTaken }
    }
}
