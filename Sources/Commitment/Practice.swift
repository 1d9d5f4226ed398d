// SPDX-License-Identifier: Apache-2.0

/// What a practice is about; the headings of the Commitment.
package enum Area: String, Sendable, CaseIterable {
    case everywhere
    case mail
    case storage
    case keys
    case logs

    /// The heading, for people.
    package var title: String {
        switch self {
        case .everywhere: "Everywhere"
        case .mail: "Mail"
        case .storage: "Filesystems and storage"
        case .keys: "Certificates and keys"
        case .logs: "Logs"
        }
    }
}

/// One practice of the Providers' Commitment for Privacy, or one that we read into it.
package struct Practice: Sendable, Hashable, Identifiable {
    /// Whose words the practice is in.
    package enum Source: Sendable {
        /// The Commitment says so.
        case policyText
        /// The Commitment is silent or leaves it open; this is how we read it.
        case ourMapping
    }

    /// What in a gateway's reach decides whether the practice is kept.
    package enum Reach: Sendable, Hashable {
        /// These keys of the settings can break it.
        case settings([String])
        /// No key by itself: what the host is like, as far as a program can see it.
        case host
        /// No setting touches it; says why.
        case untouched(String)
    }

    /// Stable words, `mail.client-tls`; the part before the dot is the area.
    package let id: String
    package let area: Area
    /// The lowest level that asks for it.
    package let level: Level
    package let source: Source
    /// The Commitment's words, or ours where it is silent.
    package let text: String
    package let reach: Reach

    package init(
        _ id: String,
        _ area: Area,
        _ level: Level,
        _ text: String,
        _ reach: Reach,
        source: Source = .policyText
    ) {
        self.id = id
        self.area = area
        self.level = level
        self.source = source
        self.text = text
        self.reach = reach
    }

    /// The settings that can break it; empty when none can.
    package var settingKeys: [String] {
        if case .settings(let keys) = reach { return keys }
        return []
    }
}
