// SPDX-License-Identifier: Apache-2.0

import Commitment
import Mail

extension LevelCheck {
    /// What does not break the level by itself, but which the operator must know to keep it.
    ///
    /// Said at start, refused never.
    package static func cautions(_ settings: PosternSettings, facts: HostFacts = HostFacts()) -> [LevelViolation] {
        var found: [LevelViolation] = []
        if settings.isTryIt, let secret = settings.vault.file, FilePath.isInside(secret.path, settings.data) {
            found.append(
                settings.violation(
                    .userDataEncrypted,
                    "vault.\(secret.key)",
                    "the key file lies beside the data, so that the vault protects nothing",
                    "use this only to try things out"
                )
            )
        }
        if settings.level == .one, let field = settings.scrub.keptAddressField {
            found.append(
                settings.violation(
                    .clientIPTold,
                    "scrub.keep",
                    "\(field) carries the sender's IP address out",
                    "tell your users, or take it off the list"
                )
            )
        }
        for (index, route) in settings.routes.enumerated() where route.target == .maildir && !settings.isTryIt {
            found.append(
                settings.violation(
                    .userDataEncrypted,
                    "route[\(index)].maildir",
                    "mailboxes are readable files",
                    "keep the data directory on an encrypted file system"
                )
            )
            break
        }
        if settings.level >= .two, settings.metrics.port != nil {
            found.append(
                settings.violation(
                    .noActivity,
                    "metrics.port",
                    "who collects the counts writes down how much mail comes and goes when",
                    "ask rarely, and keep the collection in memory or encrypted"
                )
            )
        }
        if settings.level >= .two, facts.swap == .unknown, !facts.isSwapBarred {
            found.append(
                settings.violation(
                    .encryptedSwap,
                    "level",
                    "whether the swap of this host is encrypted can't be seen",
                    "set MemorySwapMax=0 in the unit"
                )
            )
        }
        return found
    }
}

extension ScrubSettings {
    /// What carries the sender's address: the built-in list's group about it, and what is redacted or removed for other
    /// reasons too.
    private static let addressFields: [String] = {
        let group = ScrubRules.documented.first { $0.names.contains("X-Originating-IP") }
        return (group?.names ?? []) + ["X-PHP-Script", "X-Source-IP", "X-Forwarded", "Received"]
    }()

    /// The first entry of `keep` that lets such a field through.
    var keptAddressField: String? {
        let address = Self.addressFields.compactMap { FieldPattern($0) }
        return keep.first { entry in
            guard let pattern = FieldPattern(entry) else { return false }
            return address.contains(where: pattern.overlaps) || entry.lowercased().split(separator: "-").contains("ip")
        }
    }
}
