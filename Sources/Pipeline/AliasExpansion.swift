// SPDX-License-Identifier: Apache-2.0

package import Accounts
package import Mail
package import Settings
import Store

/// Where mail for an address really goes: protection is decided for these addresses, never for an alias.
package struct AliasExpansion: Sendable {
    /// One address that gets a copy.
    package struct Destination: Sendable, Equatable {
        package let address: EmailAddress
        /// It lies outside our domains, and an alias, a user's forward or a return path of ours leads there.
        package let isForward: Bool
    }

    /// What an address of ours stands for.
    package enum Meaning: Sendable, Equatable {
        case destinations([Destination])
        /// Nobody's, in a domain whose mailboxes are here.
        case unknown
        /// It leads nowhere but round in a circle.
        case circular
        /// It has the form of our return paths and is none, or too old a one.
        case badReturnPath
    }

    private let settings: PosternSettings
    private let accounts: Accounts
    /// Reads return paths; nil where nothing is forwarded.
    private let rewriting: SenderRewriting?

    package init(settings: PosternSettings, accounts: Accounts, rewriting: SenderRewriting? = nil) {
        self.settings = settings
        self.accounts = accounts
        self.rewriting = rewriting
    }

    /// What mail for `address` becomes.
    ///
    /// Addresses in other domains stand for themselves.
    package func meaning(of address: EmailAddress) async throws -> Meaning {
        guard isOurs(address.domain) else { return Self.itself(address) }
        let hasMailboxes = hasMailboxes(address.domain)
        let separator = settings.tagSeparator
        // Who exists behind another server only that server knows, and so whom a catch-all would be for.
        let isKnown = hasMailboxes || accounts.knows(address, tagSeparator: separator)
        switch isKnown ? accounts.resolve(address, tagSeparator: separator) : .unknown {
        case .circular: return .circular
        case .alias(let targets):
            let living = targets.filter(isAlive)
            return living.isEmpty ? .unknown : .destinations(living.map(destination))
        case .user: return Self.itself(address)
        case .unknown: break
        }
        switch try await rewriting?.read(address) ?? .other {
        case .original(let sender): return .destinations([destination(sender)])
        case .invalid: return .badReturnPath
        case .other: return hasMailboxes ? .unknown : Self.itself(address)
        }
    }

    /// The addresses behind one of ours, else the address itself.
    package func destinations(for address: EmailAddress) async throws -> [Destination] {
        guard case .destinations(let found) = try await meaning(of: address) else {
            return [Destination(address: address, isForward: false)]
        }
        return found
    }

    private func destination(_ target: EmailAddress) -> Destination {
        Destination(address: target, isForward: !settings.isOwn(target.domain))
    }

    /// False for an address of ours whose user is gone.
    private func isAlive(_ target: EmailAddress) -> Bool {
        !hasMailboxes(target.domain) || accounts.mailbox(target, tagSeparator: settings.tagSeparator) != nil
    }

    private func hasMailboxes(_ domain: Domain) -> Bool { settings.route(for: domain)?.target == .maildir }

    private static func itself(_ address: EmailAddress) -> Meaning {
        .destinations([Destination(address: address, isForward: false)])
    }

    /// Aliases hold in our domains, and at the domain of this machine's users wherever its mail goes.
    private func isOurs(_ domain: Domain) -> Bool {
        if settings.isOwn(domain) || hasMailboxes(domain) { return true }
        return domain == settings.localDomain && settings.listeners.contains { $0.role == .local }
    }
}
