// SPDX-License-Identifier: Apache-2.0

extension SettingCodec where Value == Bool {
    static var boolean: SettingCodec {
        SettingCodec("true or false", plural: "true or false") { node, reading in
            guard case .boolean(let value) = node.value else {
                return reading.fail(
                    node,
                    "this is \(node.kindName), not true or false",
                    "write true or false without quotes"
                )
            }
            return value
        } encode: {
            $0 ? "true" : "false"
        }
    }
}

extension SettingCodec where Value == Int {
    /// A whole number in `range`.
    ///
    /// `noun` is what a number outside it is not: "70000 is not a port".
    static func number(_ range: ClosedRange<Int>, noun: String = "a possible number") -> SettingCodec {
        let possible = "\(range.lowerBound) to \(range.upperBound)"
        return SettingCodec("a number", plural: "numbers", possible: possible) { node, reading in
            guard case .integer(let value) = node.value else {
                return reading.fail(
                    node,
                    "this is \(node.kindName), not a whole number",
                    "use a number from \(possible), without quotes"
                )
            }
            guard range.contains(value) else {
                return reading.fail(node, "\(value) is not \(noun)", "use a number from \(possible)")
            }
            return value
        } encode: {
            String($0)
        }
    }

    static var port: SettingCodec { number(1...65535, noun: "a port") }

    /// Bytes, as a number or as text with KiB, MiB or GiB.
    static func size(_ range: ClosedRange<Int>) -> SettingCodec {
        let possible = "\(SizeText.format(range.lowerBound)) to \(SizeText.format(range.upperBound))"
        return SettingCodec("a size", plural: "sizes", possible: possible) { node, reading in
            let value: Int
            switch node.value {
            case .integer(let bytes): value = bytes
            case .text(let text):
                guard let bytes = SizeText.parse(text) else {
                    return reading.fail(
                        node,
                        "\(quoted(text)) is not a size",
                        "write a number of bytes, or text such as \"50 MiB\""
                    )
                }
                value = bytes
            default:
                return reading.fail(
                    node,
                    "this is \(node.kindName), not a size",
                    "write a number of bytes, or text such as \"50 MiB\""
                )
            }
            guard range.contains(value) else {
                return reading.fail(node, "\(SizeText.format(value)) is not a possible size", "use \(possible)")
            }
            return value
        } encode: { bytes in
            let text = SizeText.format(bytes)
            return text.contains("i") ? quoted(text) : String(bytes)
        }
    }
}

extension SettingCodec where Value == Duration {
    /// Text with a unit: s, m, h or d.
    static func duration(_ range: ClosedRange<Duration>) -> SettingCodec {
        let possible = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return SettingCodec("a duration", plural: "durations", possible: possible) { node, reading in
            guard case .text(let text) = node.value else {
                return reading.fail(
                    node,
                    "this is \(node.kindName), not a duration",
                    "write text with a unit, such as \"30s\", \"5m\", \"4h\" or \"5d\""
                )
            }
            guard let value = DurationText.parse(text) else {
                return reading.fail(
                    node,
                    "\(quoted(text)) is not a duration",
                    "write a number and s, m, h or d, such as \"5m\""
                )
            }
            guard range.contains(value) else {
                return reading.fail(node, "\(quoted(text)) is not a possible duration", "use \(possible)")
            }
            return value
        } encode: {
            quoted(DurationText.format($0))
        }
    }
}

/// `50 MiB`, `262144`.
enum SizeText {
    private static let units: [(name: String, shift: Int)] = [("GiB", 30), ("MiB", 20), ("KiB", 10)]

    /// Nil for anything but digits and a unit, and for what overflows.
    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard !digits.isEmpty, let count = Int(digits) else { return nil }
        if unit.isEmpty || unit == "B" { return count }
        guard let shift = units.first(where: { $0.name.lowercased() == unit.lowercased() })?.shift else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
        return overflow ? nil : bytes
    }

    /// In the largest unit that divides it.
    static func format(_ bytes: Int) -> String {
        for unit in units where bytes != 0 && bytes % (1 << unit.shift) == 0 {
            return "\(bytes >> unit.shift) \(unit.name)"
        }
        return String(bytes)
    }
}

/// `30s`, `5m`, `4h`, `5d`.
package enum DurationText {
    private static let units: [(name: Character, seconds: Int)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]

    /// Nil for anything but digits and one unit, and for more than a hundred years.
    package static func parse(_ text: String) -> Duration? {
        guard let last = text.last, let unit = units.first(where: { $0.name == last }) else { return nil }
        let digits = text.dropLast()
        guard (1...10).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let count = Int(digits),
            count <= 3_200_000_000 / unit.seconds
        else { return nil }
        return .seconds(count * unit.seconds)
    }

    /// In the largest unit that divides it.
    static func format(_ duration: Duration) -> String {
        let seconds = Int(clamping: duration.components.seconds)
        let unit = units.first { seconds != 0 && seconds % $0.seconds == 0 } ?? ("s", 1)
        return "\(seconds / unit.seconds)\(unit.name)"
    }
}
