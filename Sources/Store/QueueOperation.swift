// SPDX-License-Identifier: Apache-2.0

import Foundation
import Privacy

/// A sealed chunk of a content, ready to be written.
struct SealedChunk: Sendable {
    let row: Int64
    let data: Data
}

/// The rows that make one message visible.
struct SealedMessage: Sendable {
    struct Copy: Sendable {
        let row: CopyRow
        let state: CopyState
        let due: WallTime
        let content: Int64
        let nextHop: NextHopHash
        let size: Int
    }

    let number: Int64
    let epoch: Int64
    let lookup: Int64
    let contents: Range<Int64>
    let sealed: Data
    let copies: [Copy]
    /// Its chunks went ahead in commits of their own.
    let wasPending: Bool
    let memory: FreshMessage?
}

/// A change of one copy's state.
struct CopyChange: Sendable {
    let row: CopyRow
    let size: Int
    let state: CopyState
    let due: WallTime
    /// The new progress row; nil leaves it as it is.
    let progress: Data?
}

/// The end of one copy.
struct CopyRemoval: Sendable {
    let row: CopyRow
    /// The contents of its whole message.
    let contents: Range<Int64>
    let size: Int
    /// Whether there may be a progress row.
    let hasProgress: Bool
}

/// What the writer can be told to write.
enum QueueOperation: Sendable {
    case chunks([SealedChunk])
    /// Notes that chunks of these contents come before their message.
    case begin(contents: Range<Int64>)
    case message(SealedMessage)
    /// Removes what ``begin(contents:)`` announced and what was written of it.
    case abandon(contents: Range<Int64>)
    case change(CopyChange)
    case remove(CopyRemoval)
}
