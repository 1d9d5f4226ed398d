// SPDX-License-Identifier: Apache-2.0

import Mail

/// Paths and parameters of MAIL and RCPT.
extension SMTPCommandParser {
    /// A path and what follows it.
    private struct PathAndRest {
        /// Between the angle brackets, source route dropped.
        var mailbox: ArraySlice<UInt8>
        var rest: ArraySlice<UInt8>
    }

    static func mail(_ argument: ArraySlice<UInt8>) throws(CommandError) -> MailParameters {
        let malformed = CommandError(.badSenderSyntax)
        guard let after = dropKeyword("FROM:", from: argument) else { throw CommandError(.syntaxError) }
        guard let path = splitPath(after) else { throw malformed }
        var parameters = MailParameters(reversePath: .null)
        try eachParameter(path.rest) { (name, value) throws(CommandError) in
            try apply(name, value, to: &parameters)
        }
        guard !path.mailbox.isEmpty else { return parameters }
        guard parameters.smtpUTF8 || path.mailbox.allSatisfy({ $0 < 0x80 }) else { throw CommandError(.needsSMTPUTF8) }
        guard let address = address(path.mailbox) else {
            throw hasAddressLiteral(path.mailbox) ? CommandError(.badSenderAddress) : malformed
        }
        parameters.reversePath = .address(address)
        return parameters
    }

    static func rcpt(_ argument: ArraySlice<UInt8>, smtpUTF8Allowed: Bool) throws(CommandError) -> RcptParameters {
        let malformed = CommandError(.badRecipientSyntax)
        guard let after = dropKeyword("TO:", from: argument) else { throw CommandError(.syntaxError) }
        guard let path = splitPath(after) else { throw malformed }
        guard smtpUTF8Allowed || path.mailbox.allSatisfy({ $0 < 0x80 }) else { throw CommandError(.needsSMTPUTF8) }
        var parameters = RcptParameters(forwardPath: .postmaster)
        if String(decoding: path.mailbox, as: UTF8.self).lowercased() != "postmaster" {
            guard let address = address(path.mailbox) else {
                throw hasAddressLiteral(path.mailbox) ? CommandError(.badRecipientAddress) : malformed
            }
            parameters.forwardPath = .address(address)
        }
        try eachParameter(path.rest) { (name, value) throws(CommandError) in
            try apply(name, value, to: &parameters)
        }
        return parameters
    }

    /// `keyword`, in any case, and at most one space after it.
    private static func dropKeyword(_ keyword: String, from bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let head = bytes.prefix(keyword.utf8.count)
        guard String(decoding: head, as: UTF8.self).uppercased() == keyword else { return nil }
        let rest = bytes[head.endIndex...]
        return rest.first == space ? rest.dropFirst() : rest
    }

    /// Finds the closing `>` (one inside a quoted local part does not count) and drops a source route.
    private static func splitPath(_ bytes: ArraySlice<UInt8>) -> PathAndRest? {
        guard bytes.first == UInt8(ascii: "<") else { return nil }
        var index = bytes.startIndex + 1
        var isQuoted = false
        while index < bytes.endIndex {
            let byte = bytes[index]
            if isQuoted {
                if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { isQuoted = false }
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = true
            } else if byte == UInt8(ascii: ">") {
                break
            }
            index += 1
        }
        guard index < bytes.endIndex else { return nil }
        let rest = bytes[(index + 1)...]
        guard rest.isEmpty || rest.first == space else { return nil }
        guard let mailbox = withoutSourceRoute(bytes[(bytes.startIndex + 1)..<index]) else { return nil }
        return PathAndRest(mailbox: mailbox, rest: rest)
    }

    /// `@one,@two:mailbox` → `mailbox`.
    ///
    /// Hosts in a route are checked for shape only, since nothing uses them.
    private static func withoutSourceRoute(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard path.first == UInt8(ascii: "@") else { return path }
        guard let colon = path.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        for host in path[..<colon].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard host.first == UInt8(ascii: "@"), Domain(String(decoding: host.dropFirst(), as: UTF8.self)) != nil
            else { return nil }
        }
        let mailbox = path[(colon + 1)...]
        return mailbox.isEmpty || mailbox.first == UInt8(ascii: "@") ? nil : mailbox
    }

    private static func address(_ bytes: ArraySlice<UInt8>) -> EmailAddress? {
        guard bytes.count <= 1024, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return EmailAddress(text)
    }

    private static func hasAddressLiteral(_ mailbox: ArraySlice<UInt8>) -> Bool {
        guard mailbox.last == UInt8(ascii: "]"), let at = mailbox.lastIndex(of: UInt8(ascii: "@")) else { return false }
        return mailbox[at...].dropFirst().first == UInt8(ascii: "[")
    }

    /// RFC 5321 §4.1.2: `esmtp-keyword ["=" esmtp-value]`, each but once.
    private static func eachParameter(
        _ bytes: ArraySlice<UInt8>,
        _ body: (_ name: String, _ value: ArraySlice<UInt8>?) throws(CommandError) -> Void
    ) throws(CommandError) {
        var seen: Set<String> = []
        for word in bytes.split(separator: space, omittingEmptySubsequences: true) {
            let equals = word.firstIndex(of: UInt8(ascii: "="))
            let name = String(decoding: word[..<(equals ?? word.endIndex)], as: UTF8.self).uppercased()
            guard seen.insert(name).inserted, seen.count <= 16 else { throw CommandError(.syntaxError) }
            try body(name, equals.map { word[($0 + 1)...] })
        }
    }

    private static func apply(
        _ name: String,
        _ value: ArraySlice<UInt8>?,
        to parameters: inout MailParameters
    ) throws(CommandError) {
        let malformed = CommandError(.syntaxError)
        let word = value.map { String(decoding: $0, as: UTF8.self).uppercased() }
        switch name {
        case "SIZE":
            guard let size = value.flatMap({ decimal($0, maxDigits: 20) }) else { throw malformed }
            parameters.size = size
        case "BODY":
            switch word {
            case "7BIT": parameters.body = .sevenBit
            case "8BITMIME": parameters.body = .eightBitMIME
            case "BINARYMIME": throw CommandError(.unknownParameter)
            default: throw malformed
            }
        case "SMTPUTF8":
            guard value == nil else { throw malformed }
            parameters.smtpUTF8 = true
        case "REQUIRETLS":
            guard value == nil else { throw malformed }
            parameters.requireTLS = true
        case "RET":
            guard let ret = word.flatMap(DSNReturn.init(rawValue:)) else { throw malformed }
            parameters.ret = ret
        case "ENVID":
            guard let value, value.count <= 100, let envid = XText.decode(value), !envid.isEmpty else {
                throw malformed
            }
            parameters.envid = envid
        case "AUTH":
            guard let value, let auth = XText.decode(value), !auth.isEmpty else { throw malformed }
            parameters.auth = auth
        default: throw CommandError(.unknownParameter)
        }
    }

    private static func apply(
        _ name: String,
        _ value: ArraySlice<UInt8>?,
        to parameters: inout RcptParameters
    ) throws(CommandError) {
        let malformed = CommandError(.syntaxError)
        switch name {
        case "NOTIFY":
            guard let notify = value.flatMap(notify) else { throw malformed }
            parameters.notify = notify
        case "ORCPT":
            guard let orcpt = value.flatMap(originalRecipient) else { throw malformed }
            parameters.orcpt = orcpt
        default: throw CommandError(.unknownParameter)
        }
    }

    private static func notify(_ value: ArraySlice<UInt8>) -> Notify? {
        let words = value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self).uppercased() }
        if words == ["NEVER"] { return .never }
        var notify: Notify = []
        for word in words {
            switch word {
            case "SUCCESS": notify.insert(.success)
            case "FAILURE": notify.insert(.failure)
            case "DELAY": notify.insert(.delay)
            default: return nil
            }
        }
        return notify
    }

    /// RFC 3461 §4.2 and, for `utf-8`, RFC 6533 §3: xtext, raw UTF-8, or `\x{…}`.
    private static func originalRecipient(_ value: ArraySlice<UInt8>) -> OriginalRecipient? {
        guard value.count <= 500, let semicolon = value.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        let type = String(decoding: value[..<semicolon], as: UTF8.self).lowercased()
        let encoded = value[(semicolon + 1)...]
        if type == "utf-8" {
            guard let text = String(validating: encoded, as: UTF8.self) else { return nil }
            let plain = encoded.contains(UInt8(ascii: "+")) ? XText.decode(encoded) ?? text : text
            guard let address = XText.decodeEmbedded(plain) else { return nil }
            return OriginalRecipient(addressType: type, address: address)
        }
        guard let address = XText.decode(encoded) else {
            // Postfix calls an international address `rfc822` too.
            guard type == "rfc822", let address = XText.decodeUTF8(encoded) else { return nil }
            return OriginalRecipient(addressType: "utf-8", address: address)
        }
        return OriginalRecipient(addressType: type, address: address)
    }
}
