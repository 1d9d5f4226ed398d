// SPDX-License-Identifier: Apache-2.0

import Mail

/// Who is behind which address: users, their forwards, aliases and catch-alls, as a value.
///
/// An alias whose local part is `*` is the catch-all of its domain: it is asked when nothing else knows the address.
struct AddressBook {
    var accounts: [AccountName: AccountRecord] = [:]
    /// Logins that Dovecot verifies; none of them has an address here.
    var dovecot: [AccountName: DovecotAccountRecord] = [:]
    /// By ``EmailAddress/lookupKey``.
    var owners: [String: AccountName] = [:]
    var aliases: [String: Alias] = [:]
    /// In the order in which they were added.
    var order: [AccountName] = []

    /// An alias may name aliases this deep.
    private static let deepest = 10
    /// An alias never stands for more addresses.
    private static let mostTargets = 1000

    /// What stands behind one address, one step of the way.
    private enum Place {
        case user(AccountName, Forward?)
        case alias(Alias)
        case outside
    }

    /// What mail for `address` means: the address itself, else without its tag, else the catch-all of its domain.
    func resolve(_ address: EmailAddress, tagSeparator: Character?) -> AddressResolution {
        switch place(of: address, tagSeparator) {
        case .outside: return .unknown
        case .user(let name, nil): return .user(name)
        case .user, .alias:
            var walk = Walk(tagSeparator: tagSeparator)
            expand(address, depth: 0, &walk)
            return walk.targets.isEmpty ? .circular : .alias(walk.targets)
        }
    }

    /// Whether a user or an alias has this address, its tag aside.
    func knows(_ address: EmailAddress, tagSeparator: Character?) -> Bool { known(address, tagSeparator) != nil }

    /// Whether mail for `address` comes back to it, whatever else it reaches.
    func isCircle(from address: EmailAddress, tagSeparator: Character? = "+") -> Bool {
        var seen: Set<String> = []
        var open = next(after: address, tagSeparator)
        let start = node(of: address, tagSeparator)
        while let step = open.popLast() {
            guard let node = node(of: step, tagSeparator) else { continue }
            if node == start { return true }
            if seen.insert(node).inserted { open += next(after: step, tagSeparator) }
        }
        return false
    }

    // MARK: Inside

    /// The way through the aliases so far.
    private struct Walk {
        let tagSeparator: Character?
        var targets: [EmailAddress] = []
        /// Nodes on the way, and addresses that have become targets.
        var seen: Set<String> = []
    }

    /// Each address once; what goes round in a circle or too deep leads nowhere.
    private func expand(_ address: EmailAddress, depth: Int, _ walk: inout Walk) {
        guard walk.targets.count < Self.mostTargets else { return }
        if let node = node(of: address, walk.tagSeparator) {
            guard depth < Self.deepest, walk.seen.insert(node).inserted else { return }
        }
        let isMailbox: Bool
        switch place(of: address, walk.tagSeparator) {
        case .user(_, let forward): isMailbox = forward?.keepsCopy ?? true
        case .outside: isMailbox = true
        case .alias: isMailbox = false
        }
        if isMailbox, walk.seen.insert("= " + address.lookupKey).inserted { walk.targets.append(address) }
        for target in next(after: address, walk.tagSeparator) { expand(target, depth: depth + 1, &walk) }
    }

    private func next(after address: EmailAddress, _ separator: Character?) -> [EmailAddress] {
        switch place(of: address, separator) {
        case .user(_, let forward): forward?.targets ?? []
        case .alias(let alias): alias.targets
        case .outside: []
        }
    }

    /// The name of what an address leads through; nil for mailboxes without a forward, and for what is not here.
    private func node(of address: EmailAddress, _ separator: Character?) -> String? {
        switch place(of: address, separator) {
        case .user(let name, .some): "user " + name.text
        case .alias(let alias): "alias " + alias.address.lookupKey
        case .user, .outside: nil
        }
    }

    private func place(of address: EmailAddress, _ separator: Character?) -> Place {
        known(address, separator) ?? aliases["*@" + address.domain.key].map { .alias($0) } ?? .outside
    }

    private func known(_ address: EmailAddress, _ separator: Character?) -> Place? {
        if let place = exact(address) { return place }
        return separator.flatMap { address.withoutTag($0) }.flatMap(exact)
    }

    private func exact(_ address: EmailAddress) -> Place? {
        if let name = owners[address.lookupKey] { return .user(name, accounts[name]?.forward) }
        return aliases[address.lookupKey].map { .alias($0) }
    }
}
