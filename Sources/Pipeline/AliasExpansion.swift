// SPDX-License-Identifier: Apache-2.0

package import Accounts
package import Mail
package import Settings

/// Where mail for an address really goes: protection is decided for these addresses, never for an alias.
package struct AliasExpansion: Sendable {
    private let settings: PosternSettings
    private let accounts: Accounts

    package init(settings: PosternSettings, accounts: Accounts) {
        self.settings = settings
        self.accounts = accounts
    }

    /// The addresses behind an alias of ours, else the address itself.
    package func addresses(for address: EmailAddress) -> [EmailAddress] { targets(of: address) ?? [address] }

    /// The addresses behind an alias; nil when there is none.
    ///
    /// Aliases hold where we keep the mailboxes, and at the domain of this machine's users wherever its mail goes.
    package func targets(of address: EmailAddress) -> [EmailAddress]? {
        guard isOurs(address.domain),
            case .alias(let targets) = accounts.resolve(address, tagSeparator: settings.tagSeparator)
        else { return nil }
        return targets
    }

    private func isOurs(_ domain: Domain) -> Bool {
        if case .maildir = settings.route(for: domain)?.target { return true }
        return domain == settings.localDomain && settings.listeners.contains { $0.role == .local }
    }
}
