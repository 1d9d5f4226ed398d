// SPDX-License-Identifier: Apache-2.0

package import Keyring
package import Mail
import OpenPGP
package import Privacy
package import Settings

/// What happens to one recipient's copy.
package enum Protection: Sendable {
    /// Encrypted to these certificates, all of this recipient.
    case encrypt(KeyFinding.Usable)
    /// It is encrypted already; its bytes stay as they are.
    case passThrough
    case clear(ClearReason)
    /// It waits for a usable key. The sentence says what is wrong with the one that is there.
    case hold(String)
    /// It is not taken. The sentence says why.
    case refuse(String)

    /// Why a copy goes out readable.
    package enum ClearReason: Sendable {
        case off
        case noKey
        /// `dry-run`: what would have been done otherwise.
        case dryRun(wouldBe: StaticString)
    }

    /// The word that is counted and shown.
    package var word: String {
        switch self {
        case .encrypt: "encrypted"
        case .passThrough: "already encrypted"
        case .clear(.off): "clear (off)"
        case .clear(.noKey): "clear (no key)"
        case .clear(.dryRun(let word)): "dry-run (would be \(word))"
        case .hold: "held"
        case .refuse: "refused"
        }
    }
}

/// The rules that choose a ``Protection``: mode by default, domain and address, and the keyring.
package struct ProtectionRules: Sendable {
    private let settings: ProtectionSettings
    private let tagSeparator: Character?
    private let ownDomains: Set<Domain>
    private let keyring: Keyring

    package init(settings: PosternSettings, keyring: Keyring) {
        self.settings = settings.protection
        self.tagSeparator = settings.tagSeparator
        let mailboxes = settings.routes.compactMap { route -> Domain? in
            guard case .maildir = route.target, case .domain(let domain) = route.domain else { return nil }
            return domain
        }
        self.ownDomains = Set(mailboxes + settings.accept)
        self.keyring = keyring
    }

    package func effective(for address: EmailAddress) -> ProtectionSettings.Effective {
        settings.effective(for: address, tagSeparator: tagSeparator)
    }

    /// Which key there is: for the address as written, else, in our own domains, for the address without its tag.
    package func finding(for address: EmailAddress, at now: WallTime) async throws -> KeyFinding {
        let exact = try await keyring.finding(for: address, at: now)
        guard case .none = exact, let tagSeparator, ownDomains.contains(address.domain),
            let plain = address.withoutTag(tagSeparator)
        else { return exact }
        return try await keyring.finding(for: plain, at: now)
    }

    /// The decision for one copy, made after end-of-data.
    package func protection(for address: EmailAddress, existing: MIMEOutline.Existing, at now: WallTime) async throws
        -> Protection
    {
        let mode = effective(for: address).mode
        if mode == .off { return .clear(.off) }
        if existing == .openPGP || existing == .smime { return .passThrough }
        let finding = try await finding(for: address, at: now)
        return switch (mode, finding) {
        case (.off, _): .clear(.off)
        case (.dryRun, .usable): .clear(.dryRun(wouldBe: "encrypted"))
        case (.dryRun, .unusable): .clear(.dryRun(wouldBe: "held"))
        case (.dryRun, .none): .clear(.dryRun(wouldBe: "clear"))
        case (_, .usable(let usable)): .encrypt(usable)
        case (_, .unusable(let sentence)): .hold(sentence)
        case (.required, .none):
            .refuse("No key is known for this recipient, and the policy for the address asks for one.")
        case (.opportunistic, .none): .clear(.noKey)
        }
    }

    /// What the local keyring alone refuses at `RCPT`; nil when the recipient may be taken.
    ///
    /// It only refuses: which protection a copy gets is decided after end-of-data.
    package func refusal(for address: EmailAddress, origin: Origin, at now: WallTime) async throws -> RecipientRefusal?
    {
        let mode = effective(for: address).mode
        guard mode == .opportunistic || mode == .required else { return nil }
        switch try await finding(for: address, at: now) {
        case .usable: return nil
        case .none: return mode == .required ? .noKey : nil
        case .unusable: return origin.isOurs ? nil : .keyUnusable
        }
    }
}

/// Why the keyring refuses a recipient in the session.
package enum RecipientRefusal: Sendable {
    /// `required`, and no key: `550 5.7.1`.
    case noKey
    /// A confirmed key that is expired or revoked, and the sender is a stranger: `450 4.7.0`.
    case keyUnusable
}
