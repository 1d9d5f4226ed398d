// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy

extension SettingCodec where Value == Pin {
    /// The SHA-256 of a key or certificate.
    static var pin: SettingCodec {
        text(
            "a pin",
            plural: "pins",
            possible: "`spki:` or `cert:` and 64 hexadecimal digits",
            example: "spki:" + String(repeating: "6b", count: 32)
        ) { text, node, reading in
            Pin(text)
                ?? reading.fail(
                    node,
                    "\(quoted(text)) is not a pin",
                    "write \"spki:\" or \"cert:\" and the SHA-256 in 64 hexadecimal digits; postern probe prints them"
                )
        } encode: {
            $0.text
        }
    }
}

extension SettingCodec where Value == ChannelSettings.Link {
    static var link: SettingCodec {
        text(
            "a link",
            plural: "links",
            possible: "`\"ipsec\"`, or `\"wireguard:\"` and an interface",
            example: "ipsec"
        ) { text, node, reading in
            if text == "ipsec" { return .ipsec }
            if text.hasPrefix("wireguard:"), let name = interface(text.dropFirst("wireguard:".count)) {
                return .wireGuard(interface: name)
            }
            return reading.fail(node, "\(quoted(text)) is not a link", "write \"ipsec\", or such as \"wireguard:wg0\"")
        } encode: { link in
            switch link {
            case .ipsec: "ipsec"
            case .wireGuard(let interface): "wireguard:" + interface
            }
        }
    }

    /// A name that the kernel takes for an interface: 1 to 15 bytes, no slash, colon or blank.
    private static func interface(_ name: Substring) -> String? {
        let isFit = (1...15).contains(name.utf8.count) && name != "." && name != ".."
        return isFit && name.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x2f && $0 != 0x3a }
            ? String(name) : nil
    }
}
