// SPDX-License-Identifier: Apache-2.0

/// What a server offered in its answer to EHLO or LHLO.
package struct ServerExtensions: Sendable, Hashable {
    /// Whether SIZE (RFC 1870) is offered at all.
    package var hasSize = false
    /// The limit in octets; `nil` when none is stated (or 0).
    package var maxSize: Int?
    package var pipelining = false
    package var chunking = false
    package var binaryMIME = false
    package var eightBitMIME = false
    package var smtpUTF8 = false
    package var startTLS = false
    /// REQUIRETLS (RFC 8689), which counts only inside TLS.
    package var requireTLS = false
    package var dsn = false
    package var enhancedStatusCodes = false
    /// The mechanisms in upper case, such as `PLAIN`.
    package var authMechanisms: Set<String> = []
    /// What the server takes with XFORWARD, in upper case.
    package var forwardedAttributes: Set<String> = []

    package init() {}

    /// Reads the reply's lines but the first, which is the server's name.
    ///
    /// Unknown keywords are passed over.
    package init(_ reply: RemoteReply) {
        for line in reply.lines.dropFirst() {
            var words = line.uppercased().split(separator: " ")
            guard !words.isEmpty else { continue }
            read(String(words.removeFirst()), words)
        }
    }

    private mutating func read(_ keyword: String, _ arguments: [Substring]) {
        switch keyword {
        case "SIZE":
            hasSize = true
            maxSize = arguments.first.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        case "PIPELINING": pipelining = true
        case "CHUNKING": chunking = true
        case "BINARYMIME": binaryMIME = true
        case "8BITMIME": eightBitMIME = true
        case "SMTPUTF8": smtpUTF8 = true
        case "STARTTLS": startTLS = true
        case "REQUIRETLS": requireTLS = true
        case "DSN": dsn = true
        case "ENHANCEDSTATUSCODES": enhancedStatusCodes = true
        case "XFORWARD": forwardedAttributes.formUnion(arguments.map(String.init))
        case "AUTH": authMechanisms.formUnion(arguments.map(String.init))
        default:
            // `AUTH=PLAIN LOGIN`, which old servers say beside or instead of the standard form.
            guard keyword.hasPrefix("AUTH=") else { return }
            authMechanisms.formUnion(([keyword.dropFirst(5)] + arguments).filter { !$0.isEmpty }.map(String.init))
        }
    }
}
