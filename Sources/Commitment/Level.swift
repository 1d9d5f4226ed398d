// SPDX-License-Identifier: Apache-2.0

/// A level of the Providers' Commitment for Privacy.
///
/// Levels are cumulative: who keeps 3 keeps 2 and 1.
package enum Level: Int, Sendable, CaseIterable, Comparable {
    case one = 1
    case two = 2
    case three = 3

    package static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
}

extension Level: CustomStringConvertible {
    /// The bare number, as it stands in the settings.
    package var description: String { String(rawValue) }
}
