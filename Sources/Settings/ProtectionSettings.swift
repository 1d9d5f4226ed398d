// SPDX-License-Identifier: Apache-2.0

package import Mail

/// What is done to a recipient's copy when a key is there, and when none is.
package enum ProtectionMode: String, Sendable, CaseIterable {
    /// Never encrypt.
    case off
    /// Send in clear, but count what would have been done.
    case dryRun = "dry-run"
    /// Encrypt to whoever has a key; the rest goes in clear.
    case opportunistic
    /// Encrypt or refuse.
    case required
}

/// `[protection]`: encryption by recipient.
package struct ProtectionSettings: Sendable {
    /// One `[[protection.rule]]`.
    ///
    /// What it leaves out follows the next wider rule.
    package struct Rule: Sendable {
        package enum Subject: Sendable, Hashable {
            case domain(Domain)
            case address(EmailAddress)
        }

        package var subject: Subject
        package var mode: ProtectionMode?
        package var headerProtection: Bool?
        package var wrapSigned: Bool?
        package var line: Int

        package init(
            for subject: Subject,
            mode: ProtectionMode? = nil,
            headerProtection: Bool? = nil,
            wrapSigned: Bool? = nil,
            line: Int = 0
        ) {
            self.subject = subject
            self.mode = mode
            self.headerProtection = headerProtection
            self.wrapSigned = wrapSigned
            self.line = line
        }
    }

    /// What holds for one recipient once the rules are applied.
    package struct Effective: Sendable, Hashable {
        package var mode: ProtectionMode
        package var headerProtection: Bool
        package var wrapSigned: Bool

        package init(mode: ProtectionMode, headerProtection: Bool, wrapSigned: Bool) {
            self.mode = mode
            self.headerProtection = headerProtection
            self.wrapSigned = wrapSigned
        }
    }

    package var mode = ProtectionMode.opportunistic
    /// RFC 9788 header protection of what the gateway encrypts.
    package var headerProtection = true
    /// Wrap a signed message in a multipart so that its Subject can be hidden too.
    package var wrapSigned = false
    /// Say `Postern-Protection: gateway` inside the encrypted part.
    package var gatewayLabel = true
    /// How long a message may wait for a usable key.
    package var holdFor = Duration.seconds(5 * 86_400)
    /// How many messages may wait at once.
    package var holdMessages = 1000
    /// How many bytes of messages may wait at once.
    package var holdBytes = 1 << 30
    package var rules: [Rule] = []

    package init() {}

    /// The rule for the address wins over the one for its address without a tag, that over the one for its domain, that
    /// over the defaults; each key by itself.
    package func effective(for address: EmailAddress, tagSeparator: Character? = nil) -> Effective {
        var result = Effective(mode: mode, headerProtection: headerProtection, wrapSigned: wrapSigned)
        var subjects: [Rule.Subject] = [.domain(address.domain)]
        if let tagSeparator, let untagged = address.withoutTag(tagSeparator) { subjects.append(.address(untagged)) }
        subjects.append(.address(address))
        for subject in subjects {
            guard let rule = rules.first(where: { $0.subject == subject }) else { continue }
            result.mode = rule.mode ?? result.mode
            result.headerProtection = rule.headerProtection ?? result.headerProtection
            result.wrapSigned = rule.wrapSigned ?? result.wrapSigned
        }
        return result
    }
}
