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
    package func addresses(for address: EmailAddress) -> [EmailAddress] {
        guard case .maildir = settings.route(for: address.domain)?.target,
            case .alias(let targets) = accounts.resolve(address, tagSeparator: settings.tagSeparator)
        else { return [address] }
        return targets
    }
}
