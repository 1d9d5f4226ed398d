// SPDX-License-Identifier: Apache-2.0

/// What goes wrong while one value is read.
struct ValueProblem {
    let line: Int
    let problem: String
    let remedy: String
}

/// What a codec reads with.
struct ValueReading {
    /// Where relative paths start.
    let directory: String
    var problems: [ValueProblem] = []

    init(directory: String) {
        self.directory = directory
    }

    /// Notes the problem and gives nil, so that a codec can end with it.
    mutating func fail<Value>(_ node: TOMLNode, _ problem: String, _ remedy: String) -> Value? {
        problems.append(ValueProblem(line: node.line, problem: problem, remedy: remedy))
        return nil
    }
}

/// A kind of value: how the manual calls it, how it is read, how it is written.
struct SettingCodec<Value: Sendable>: Sendable {
    /// For the manual: "a duration", "a list of domains".
    let name: String
    /// In a list: "domains".
    let plural: String
    /// Which values are possible, when the name does not say: "1 to 65535".
    ///
    /// Code in backquotes.
    let possible: String?
    let decode: @Sendable (TOMLNode, inout ValueReading) -> Value?
    /// The value as TOML.
    let encode: @Sendable (Value) -> String

    init(
        _ name: String,
        plural: String,
        possible: String? = nil,
        decode: @escaping @Sendable (TOMLNode, inout ValueReading) -> Value?,
        encode: @escaping @Sendable (Value) -> String
    ) {
        self.name = name
        self.plural = plural
        self.possible = possible
        self.decode = decode
        self.encode = encode
    }

    /// A codec for values that are written as text.
    static func text(
        _ name: String,
        plural: String,
        possible: String? = nil,
        example: String,
        decode: @escaping @Sendable (String, TOMLNode, inout ValueReading) -> Value?,
        encode: @escaping @Sendable (Value) -> String
    ) -> SettingCodec {
        SettingCodec(name, plural: plural, possible: possible) { node, reading in
            guard case .text(let text) = node.value else {
                return reading.fail(
                    node,
                    "this is \(node.kindName), not \(name)",
                    "write it as text, such as \(quoted(example))"
                )
            }
            return decode(text, node, &reading)
        } encode: {
            quoted(encode($0))
        }
    }

    /// A list of such values; every element is checked.
    var list: SettingCodec<[Value]> {
        let element = self
        return SettingCodec<[Value]>("a list of \(plural)", plural: "lists of \(plural)", possible: possible) {
            node,
            reading in
            guard case .list(let nodes) = node.value else {
                return reading.fail(
                    node,
                    "this is \(node.kindName), not a list",
                    "put it in square brackets, such as [\"…\"]"
                )
            }
            let before = reading.problems.count
            let values = nodes.compactMap { element.decode($0, &reading) }
            return reading.problems.count == before ? values : nil
        } encode: {
            "[" + $0.map(element.encode).joined(separator: ", ") + "]"
        }
    }
}

/// The text as a TOML basic string.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": result += "\\\(scalar)"
        case "\t": result += "\\t"
        case _ where scalar.value < 0x20 || scalar.value == 0x7f:
            let hex = String(scalar.value, radix: 16, uppercase: true)
            result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
