// SPDX-License-Identifier: Apache-2.0

import SMTPWire

/// One line of Dovecot's authentication protocol, version 1, as the server sends it: fields between tabs.
///
/// Total: any bytes give a message or nil.
enum DovecotAuthMessage: Sendable, Equatable {
    case version(major: Int)
    case mechanism(String)
    /// The end of the server's handshake.
    case done
    /// `user`: the login as Dovecot knows it, when it says.
    case accepted(id: Int, user: String?)
    /// `isTemporary`: nobody could tell, the password may have been right.
    case rejected(id: Int, isTemporary: Bool)
    case challenge(id: Int, [UInt8])
    /// A line that this client need not understand.
    case other

    /// Reads a line without its line feed; nil for one that breaks the protocol.
    static func parse(_ line: ArraySlice<UInt8>) -> DovecotAuthMessage? {
        let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map(unescaped)
        let first = fields.dropFirst().first ?? ""
        let parameters = fields.dropFirst(2)
        switch fields.first {
        case "VERSION": return Int(first).map { .version(major: $0) }
        case "MECH": return first.isEmpty ? nil : .mechanism(first.uppercased())
        case "DONE": return .done
        case "OK":
            let user = parameters.first { $0.hasPrefix("user=") }.map { String($0.dropFirst(5)) }
            return Int(first).map { .accepted(id: $0, user: user) }
        case "FAIL":
            let isTemporary = parameters.contains { $0 == "temp" || $0 == "code=temp_fail" }
            return Int(first).map { .rejected(id: $0, isTemporary: isTemporary) }
        case "CONT":
            guard let id = Int(first), let data = Base64.decode(Array((parameters.first ?? "").utf8)[...]) else {
                return nil
            }
            return .challenge(id: id, data)
        default: return .other
        }
    }

    /// `\001` begins an escape: `0` NUL, `1` itself, `t` tab, `r` CR, `n` LF; anything else stands for itself.
    private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var isEscape = false
        for byte in field {
            if isEscape {
                isEscape = false
                switch byte {
                case UInt8(ascii: "0"): bytes.append(0)
                case UInt8(ascii: "1"): bytes.append(1)
                case UInt8(ascii: "t"): bytes.append(9)
                case UInt8(ascii: "r"): bytes.append(13)
                case UInt8(ascii: "n"): bytes.append(10)
                default: bytes.append(byte)
                }
            } else if byte == 1 {
                isEscape = true
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
