// SPDX-License-Identifier: Apache-2.0

/// How long a command line may be, CRLF included: 512 octets (RFC 5321 §4.5.3.1.4) plus what each extension adds.
package enum CommandLineLimit {
    /// Any command without allowances.
    package static let base = 512

    /// One extension's allowance for one command.
    package struct Allowance: Sendable {
        package let verb: StaticString
        package let octets: Int
        package let from: StaticString
    }

    /// The one table.
    ///
    /// Sums are what ``octets(for:)`` gives.
    package static let allowances: [Allowance] = [
        Allowance(verb: "MAIL", octets: 26, from: "SIZE, RFC 1870 §3"),
        Allowance(verb: "MAIL", octets: 17, from: "8BITMIME, RFC 6152 §2"),
        Allowance(verb: "MAIL", octets: 10, from: "SMTPUTF8, RFC 6531 §3.1"),
        Allowance(verb: "MAIL", octets: 11, from: "REQUIRETLS, RFC 8689 §3"),
        Allowance(verb: "MAIL", octets: 9 + 107, from: "DSN RET and ENVID, RFC 3461 §4.3 and §4.4"),
        Allowance(verb: "MAIL", octets: 500, from: "AUTH, RFC 4954 §3"),
        Allowance(verb: "RCPT", octets: 28 + 501, from: "DSN NOTIFY and ORCPT, RFC 3461 §4.1 and §4.2"),
        Allowance(verb: "RCPT", octets: 10, from: "SMTPUTF8, RFC 6531 §3.1"),
        Allowance(verb: "AUTH", octets: 12_288 - base, from: "initial response, RFC 4954 §4"),
    ]

    /// One answer to a 334 (RFC 4954 §4).
    package static let authLine = 12_288

    private static let mail = total(of: "MAIL")
    private static let rcpt = total(of: "RCPT")
    private static let auth = total(of: "AUTH")

    /// The longest line of all, for a buffer that has not seen the verb's end.
    package static let longest = max(mail, rcpt, auth)

    /// The limit for a line that begins with `line`; four octets are enough to know.
    package static func octets(for line: some Collection<UInt8>) -> Int {
        var folded: UInt32 = 0
        for byte in line.prefix(4) { folded = folded << 8 | UInt32(byte & 0xDF) }
        guard line.count >= 4 else { return base }
        switch folded {
        case 0x4D41_494C: return mail
        case 0x5243_5054: return rcpt
        case 0x4155_5448: return auth
        default: return base
        }
    }

    private static func total(of verb: String) -> Int {
        allowances.filter { $0.verb.description == verb }.reduce(base) { $0 + $1.octets }
    }
}
