// SPDX-License-Identifier: Apache-2.0

import Control
package import Privacy
import Synchronization

/// What needs a person, each thing once, until it is over or the gateway restarts.
package final class AlarmBoard: Sendable {
    /// One alarm that stands.
    package struct Alarm: Sendable, Equatable {
        /// A name of the catalogue (``AlarmKind``), or another subject in the same form.
        package let subject: String
        package let severity: AlarmKind.Severity
        package let sentence: String
        package let since: WallTime

        package var kind: AlarmKind? { AlarmKind(rawValue: subject) }
        /// What to do; empty for a subject outside the catalogue, whose sentence says so itself.
        package var remedy: String { kind?.remedy ?? "" }
    }

    private let board = Mutex<[String: Alarm]>([:])
    private let time: Time

    package init(time: Time = .system()) { self.time = time }

    /// Puts up the sentence of `subject`, in place of an older one.
    ///
    /// The sentence leaves the machine by command and mail: nothing in it may name anybody.
    package func raise(_ subject: String, _ sentence: String) {
        let now = time.calendar()
        let severity = AlarmKind(rawValue: subject)?.severity ?? .warning
        board.withLock { board in
            let since = board[subject]?.since ?? now
            board[subject] = Alarm(subject: subject, severity: severity, sentence: sentence, since: since)
        }
    }

    /// The same for an alarm of the catalogue, by default in its own words.
    package func raise(_ kind: AlarmKind, _ sentence: String? = nil) {
        raise(kind.rawValue, sentence ?? kind.meaning)
    }

    package func clear(_ subject: String) {
        board.withLock { $0[subject] = nil }
    }

    package func clear(_ kind: AlarmKind) { clear(kind.rawValue) }

    /// Raises or clears.
    func set(_ kind: AlarmKind, _ isRaised: Bool, _ sentence: @autoclosure () -> String? = nil) {
        if isRaised { raise(kind, sentence()) } else { clear(kind) }
    }

    /// The worst first, then by subject.
    package var alarms: [Alarm] {
        board.withLock { board in
            board.values.sorted { one, other in
                one.severity == other.severity ? one.subject < other.subject : one.severity == .critical
            }
        }
    }

    package var sentences: [String] { alarms.map(\.sentence) }
}
