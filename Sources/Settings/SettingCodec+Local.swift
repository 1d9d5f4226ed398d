// SPDX-License-Identifier: Apache-2.0

import Mail

extension SettingCodec where Value == AccountReference {
    /// A user or group of the machine, by name or number.
    static var account: SettingCodec {
        SettingCodec("a name or number of this machine", plural: "names or numbers of this machine") { node, reading in
            switch node.value {
            case .integer(let number):
                guard let number = UInt32(exactly: number), number != .max else {
                    return reading.fail(node, "\(number) is no user or group id", "write a number such as 33")
                }
                return .number(number)
            case .text(let text) where !text.isEmpty && !text.utf8.contains { $0 <= 32 || $0 == 127 || $0 == 58 }:
                return .name(text)
            default:
                return reading.fail(
                    node,
                    "this is no name or number of a user or group",
                    "write it as \"www-data\" or 33"
                )
            }
        } encode: {
            switch $0 {
            case .name(let name): quoted(name)
            case .number(let number): "\(number)"
            }
        }
    }
}

extension SettingCodec where Value == AddressPattern {
    static var addressPattern: SettingCodec {
        text("an address, or `*@` and a domain", plural: "addresses, or `*@` and a domain", example: "web@example.org")
        {
            text,
            node,
            reading in
            AddressPattern(text)
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is neither an address nor *@ and a domain",
                    "write it as \"web@example.org\" or \"*@example.org\""
                )
        } encode: {
            $0.wire
        }
    }
}

extension SettingCodec where Value == Int {
    /// Rights on a file, as chmod takes them.
    static var fileMode: SettingCodec {
        text("rights in octal", plural: "rights in octal", possible: "`\"0600\"` to `\"0777\"`", example: "0660") {
            text,
            node,
            reading in
            guard (3...4).contains(text.utf8.count), let mode = Int(text, radix: 8), (0o600...0o777).contains(mode)
            else {
                return reading.fail(
                    node,
                    "\(quoted(text)) is no mode of a socket",
                    "write it as \"0666\" for all users or \"0660\" for a group"
                )
            }
            return mode
        } encode: {
            let text = String($0, radix: 8)
            return String(repeating: "0", count: max(0, 4 - text.utf8.count)) + text
        }
    }
}
