// SPDX-License-Identifier: Apache-2.0

/// What `postern status` shows.
///
/// No identifiers in it. Times are seconds since 1970, ages and spans seconds.
package struct StatusReport: Codable, Sendable {
    package var version = ""
    package var processID = 0
    package var upSince = 0
    package var upSeconds = 0
    package var level = 0
    package var locked = false
    package var listeners: [Listener] = []
    package var sessions = 0
    /// Waiting copies by state.
    package var queue: [String: Int] = [:]
    /// By state: copies in the columns of ``ageColumns``, to the hour.
    package var ages: [String: [Int]] = [:]
    /// For how long the oldest waiting copy has been tried.
    package var oldestSeconds: Int?
    /// Next hops that can't be reached, longest first; without names.
    package var troubledHops: [TroubledHop] = []
    /// Counts since the start: copies by protection (`encrypted`, `clear`, `would-encrypt`, …) and by outcome.
    package var counters: [String: Int] = [:]
    /// The same since midnight, UTC.
    package var today: [String: Int] = [:]
    /// How often a limit was reached since midnight, by its name in the settings.
    package var limits: [String: Int] = [:]
    /// `ok`, or what is wrong with the store.
    package var store = "ok"
    package var diskFreeBytes: Int?
    /// When the server's certificate expires; nil where none is configured.
    package var certificateExpires: Int?
    /// What needs the operator, worst first.
    package var alarms: [Alarm] = []

    package init() {}

    package static let ageColumns = ["<1h", "<4h", "<1d", "<5d", "older"]

    package struct Listener: Codable, Sendable {
        package var role: String
        package var address: String

        package init(role: String, address: String) {
            self.role = role
            self.address = address
        }
    }

    package struct TroubledHop: Codable, Sendable, Equatable {
        /// A keyed hash: equal for the same next hop, also after a restart.
        package var id: String
        /// `mx`, `relay`, `lmtp` or `maildir`.
        package var kind: String
        /// A fixed word: `unreachable`, `timed-out`.
        package var cause: String
        /// For how long every try has failed.
        package var seconds: Int
        /// How many deliveries failed in that time.
        package var tries: Int
        /// Only for an operator who asked for it.
        package var name: String?

        package init(id: String, kind: String, cause: String, seconds: Int, tries: Int, name: String? = nil) {
            self.id = id
            self.kind = kind
            self.cause = cause
            self.seconds = seconds
            self.tries = tries
            self.name = name
        }
    }

    package struct Alarm: Codable, Sendable, Equatable {
        package enum Severity: String, Codable, Sendable, CaseIterable {
            case warning, critical
        }

        /// As in the catalogue: `disk-low`.
        package var name: String
        package var severity: Severity
        /// What is wrong.
        package var sentence: String
        /// What to do about it; empty when the sentence says so.
        package var remedy: String
        package var since: Int

        package init(name: String, severity: Severity, sentence: String, remedy: String, since: Int) {
            self.name = name
            self.severity = severity
            self.sentence = sentence
            self.remedy = remedy
            self.since = since
        }
    }
}
