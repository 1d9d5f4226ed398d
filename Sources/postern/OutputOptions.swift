// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials

/// How facts are printed.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the facts as JSON.")
    var json = false

    /// Prints `value` as JSON when that was asked for, else the text.
    func show(_ value: some Encodable, text: () -> String) throws {
        if json {
            try Self.printJSON(value)
        } else {
            print(text())
        }
    }

    /// `onOneLine` is for streams, where each line is a document.
    static func printJSON(_ value: some Encodable, onOneLine: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = onOneLine ? [.sortedKeys] : [.sortedKeys, .prettyPrinted]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
