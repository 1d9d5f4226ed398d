// SPDX-License-Identifier: Apache-2.0

import Mail

/// Parses one command line (RFC 5321 §4.1).
///
/// Total: any bytes give a command or an error with the reply to send.
///
/// Lenient only where nothing can be misread: trailing spaces, and one space after the colon of MAIL and RCPT.
package enum SMTPCommandParser {
    /// Parses `line`, given without its CRLF.
    ///
    /// - Parameter smtpUTF8Allowed: whether RCPT may hold a non-ASCII address. MAIL decides for itself by its SMTPUTF8 parameter. Who parses
    ///   ahead of the session says `true` and leaves the check to the session.
    package static func parse(_ line: ArraySlice<UInt8>, smtpUTF8Allowed: Bool) throws(CommandError) -> SMTPCommand {
        guard !line.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
            throw CommandError(.unrecognizedCommand)
        }
        let text = trimmedEnd(line)
        let verb = text.prefix { isLetter($0) }
        let rest = text[verb.endIndex...]
        guard rest.isEmpty || rest.first == space, verb.count <= 10 else { throw CommandError(.unrecognizedCommand) }
        let argument = trimmedStart(rest)
        switch String(decoding: verb, as: UTF8.self).uppercased() {
        case "MAIL": return .mail(try mail(argument))
        case "RCPT": return .rcpt(try rcpt(argument, smtpUTF8Allowed: smtpUTF8Allowed))
        case "DATA": return try bare(.data, argument)
        case "BDAT": return try bdat(argument)
        case "RSET": return try bare(.rset, argument)
        case "NOOP": return .noop
        case "QUIT": return try bare(.quit, argument)
        case "EHLO": return .ehlo(try clientName(argument))
        case "HELO": return .helo(try clientName(argument))
        case "LHLO": return .lhlo(try clientName(argument))
        case "STARTTLS": return try bare(.startTLS, argument)
        case "AUTH": return try auth(argument)
        case "VRFY": return try needing(argument, .vrfy)
        case "EXPN": return try needing(argument, .expn)
        case "HELP": return .help
        case "XFORWARD": return .xforward(try forwarded(argument))
        case "TURN", "ETRN", "ATRN", "SEND", "SOML", "SAML", "XCLIENT", "BURL":
            throw CommandError(.notImplemented)
        default: throw CommandError(.unrecognizedCommand)
        }
    }

    private static func bare(_ command: SMTPCommand, _ argument: ArraySlice<UInt8>) throws(CommandError) -> SMTPCommand
    {
        guard argument.isEmpty else { throw CommandError(.syntaxError) }
        return command
    }

    private static func needing(_ argument: ArraySlice<UInt8>, _ command: SMTPCommand) throws(CommandError)
        -> SMTPCommand
    {
        guard !argument.isEmpty else { throw CommandError(.syntaxError) }
        return command
    }

    /// A domain or an address literal is what RFC 5321 wants; clients say all sorts of things, and nothing depends on it.
    private static func clientName(_ argument: ArraySlice<UInt8>) throws(CommandError) -> String {
        guard !argument.isEmpty, argument.count <= 255, !argument.contains(where: { $0 <= space }),
            let name = String(validating: argument, as: UTF8.self)
        else { throw CommandError(.syntaxError) }
        return name
    }

    private static func forwarded(_ argument: ArraySlice<UInt8>) throws(CommandError) -> ForwardedClient {
        guard let client = ForwardedClient(argument.split(separator: space)) else { throw CommandError(.syntaxError) }
        return client
    }

    /// RFC 3030 §2: `BDAT SP chunk-size [SP LAST]`.
    private static func bdat(_ argument: ArraySlice<UInt8>) throws(CommandError) -> SMTPCommand {
        let words = argument.split(separator: space, omittingEmptySubsequences: true)
        guard let first = words.first, words.count <= 2, let size = decimal(first, maxDigits: 20), size < Int.max else {
            throw CommandError(.syntaxError)
        }
        guard let second = words.dropFirst().first else { return .bdat(size: size, last: false) }
        guard String(decoding: second, as: UTF8.self).uppercased() == "LAST" else { throw CommandError(.syntaxError) }
        return .bdat(size: size, last: true)
    }

    /// RFC 4954 §4: `AUTH SP mechanism [SP initial-response]`.
    private static func auth(_ argument: ArraySlice<UInt8>) throws(CommandError) -> SMTPCommand {
        let words = argument.split(separator: space, omittingEmptySubsequences: true)
        guard let first = words.first, words.count <= 2, first.count <= 20 else { throw CommandError(.syntaxError) }
        let mechanism = String(decoding: first, as: UTF8.self).uppercased()
        guard mechanism.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == 0x2D || $0 == 0x5F }) else {
            throw CommandError(.syntaxError)
        }
        guard let second = words.dropFirst().first else { return .auth(mechanism: mechanism, initial: nil) }
        if second.elementsEqual([UInt8(ascii: "=")]) { return .auth(mechanism: mechanism, initial: []) }
        guard let initial = Base64.decode(second) else { throw CommandError(.badBase64) }
        return .auth(mechanism: mechanism, initial: initial)
    }
}

// MARK: - Bytes

extension SMTPCommandParser {
    static var space: UInt8 { 0x20 }

    static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) && byte < 0x80 }
    static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    static func trimmedStart(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        bytes.drop { $0 == 0x20 || $0 == 0x09 }
    }

    static func trimmedEnd(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var end = bytes.endIndex
        while end > bytes.startIndex, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return bytes[..<end]
    }

    /// A number in decimal digits only; `Int.max` when it does not fit.
    static func decimal(_ bytes: ArraySlice<UInt8>, maxDigits: Int) -> Int? {
        guard !bytes.isEmpty, bytes.count <= maxDigits else { return nil }
        var value = 0
        for byte in bytes {
            guard isDigit(byte) else { return nil }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(Int(byte &- 48))
            if tooLarge || overflow {
                return bytes.allSatisfy(isDigit) ? Int.max : nil
            }
            value = sum
        }
        return value
    }
}
