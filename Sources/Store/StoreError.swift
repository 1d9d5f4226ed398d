// SPDX-License-Identifier: Apache-2.0

/// Why the store could not do what it was asked.
///
/// Words in it come from a fixed vocabulary: never a path, an address or anything else from outside.
package enum StoreError: Error, Sendable, Equatable {
    /// The disk (or the file's own limit) is full: `452 4.3.1`.
    case full
    /// Writing or reading failed; the word says what. The store has opened the files anew and goes on: `451 4.3.0`.
    case io(String)
    /// A memory budget is spent: `452`.
    case overBudget
    /// The store was closed.
    case closed
    /// The caller was cancelled before its rows were written; nothing of them is left.
    case cancelled
    /// The files were written by a newer version of Postern.
    case newerSchema
    /// Another process has this data directory open.
    case alreadyOpen
    /// SQLite did not take a setting that durability or privacy depends on; the word is the pragma.
    case pragma(String)
    /// The file is a database of something else.
    case foreignFile
    /// There is no such message, copy or record.
    case notFound
    /// A sealed row does not open, or part of it is missing.
    case damaged
    /// The content of a new message could not be read or made.
    case contentFailed
    /// More copies (65,536) or bytes (64 GiB a content) than a row number has room for.
    case tooLarge

    /// One sentence for the person at the terminal.
    package var sentence: String {
        switch self {
        case .full: "The disk is full; make room and try again. What was taken is kept."
        case .io("not writable"):
            "The database can't be written; look at the owner and the rights of the data directory, and whether its disk is mounted read-only."
        case .io(let word): "The database could not be read or written (\(word))."
        case .overBudget: "The memory set aside for messages is used up."
        case .closed: "The store is closed."
        case .cancelled: "The work was cancelled; nothing was stored."
        case .newerSchema: "The data directory was written by a newer version of Postern; use that version or newer."
        case .alreadyOpen: "Another process has this data directory open; is a gateway running?"
        case .pragma(let name): "SQLite did not accept the setting `\(name)`; Postern does not run without it."
        case .foreignFile: "The database file in the data directory is not Postern's."
        case .notFound: "There is no such message or record."
        case .damaged: "A sealed record does not open; it was set aside."
        case .contentFailed: "The message could not be read to its end."
        case .tooLarge: "The message has too many copies or is too long."
        }
    }
}

/// How the store is, for `postern status`.
package enum StoreHealth: Sendable, Equatable {
    case ok
    /// New mail is answered `452` until there is space again.
    case full
    /// The last write failed with this error; the next may succeed.
    case failing(StoreError)
}
