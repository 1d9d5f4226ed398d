// SPDX-License-Identifier: Apache-2.0

/// A value of a TOML file and where it stands.
struct TOMLNode: Sendable {
    enum Value: Sendable {
        case text(String)
        case integer(Int)
        case number(Double)
        case boolean(Bool)
        case date
        case list([TOMLNode])
        /// In the order of the file.
        case table([Member])
    }

    struct Member: Sendable {
        let key: String
        let node: TOMLNode
    }

    let value: Value
    /// Of the key, or of the value in a list.
    ///
    /// Counted from 1.
    let line: Int
    let column: Int

    /// What the value is, for "found …".
    var kindName: String {
        switch value {
        case .text: "text"
        case .integer: "a number"
        case .number: "a number with a fraction"
        case .boolean: "true or false"
        case .date: "a date"
        case .list: "a list"
        case .table: "a table"
        }
    }
}

/// Why a text is no TOML.
struct TOMLError: Error {
    let line: Int
    let problem: String
    let remedy: String
}
