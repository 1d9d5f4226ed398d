// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Sentences for the operator about what needs a person.
///
/// Each stands once, until what it tells of is over or the gateway restarts.
package final class AlarmBoard: Sendable {
    private let board = Mutex<[String: String]>([:])

    package init() {}

    /// Puts up the sentence of `subject`, in place of an older one.
    package func raise(_ subject: String, _ sentence: String) {
        board.withLock { $0[subject] = sentence }
    }

    package func clear(_ subject: String) {
        board.withLock { $0[subject] = nil }
    }

    package var sentences: [String] {
        board.withLock { board in board.sorted { $0.key < $1.key }.map(\.value) }
    }
}
