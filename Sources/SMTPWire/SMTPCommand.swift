// SPDX-License-Identifier: Apache-2.0

import Mail

/// One command of a client (RFC 5321 §4.1.1 and extensions), parsed.
///
/// What it prints as is its verb alone: paths, names and credentials never show.
package enum SMTPCommand: Sendable, Hashable {
    case ehlo(String)
    case helo(String)
    /// LMTP's greeting (RFC 2033); an SMTP listener answers it with 500.
    case lhlo(String)
    case mail(MailParameters)
    case rcpt(RcptParameters)
    case data
    /// RFC 3030: exactly `size` octets follow, whatever the reply will be.
    case bdat(size: Int, last: Bool)
    case rset
    case noop
    case quit
    case vrfy
    case expn
    case help
    case startTLS
    /// RFC 4954; `initial` is the decoded initial response, empty for `=`.
    case auth(mechanism: String, initial: [UInt8]?)
    /// Postfix's XFORWARD; only a filter that says so believes it.
    case xforward(ForwardedClient)

    /// The verb, upper case; safe to log.
    package var verb: StaticString {
        switch self {
        case .ehlo: "EHLO"
        case .helo: "HELO"
        case .lhlo: "LHLO"
        case .mail: "MAIL"
        case .rcpt: "RCPT"
        case .data: "DATA"
        case .bdat: "BDAT"
        case .rset: "RSET"
        case .noop: "NOOP"
        case .quit: "QUIT"
        case .vrfy: "VRFY"
        case .expn: "EXPN"
        case .help: "HELP"
        case .startTLS: "STARTTLS"
        case .auth: "AUTH"
        case .xforward: "XFORWARD"
        }
    }
}

extension SMTPCommand: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { verb.description }
    package var debugDescription: String { verb.description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
