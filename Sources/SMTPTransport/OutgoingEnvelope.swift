// SPDX-License-Identifier: Apache-2.0

import Mail
import SMTPWire

/// The commands of one transaction, as the other side's extensions allow them, and what cannot be sent at all.
struct OutgoingEnvelope {
    /// `MAIL FROM:<…> …` with CRLF; `nil` when nothing can be sent.
    let mail: String?
    /// `XFORWARD …` with CRLF: what goes before MAIL to a server that offers it.
    let forwarded: [String]
    /// The command for each recipient that can be sent, with its place in the envelope.
    let rcpts: [(index: Int, line: String)]
    /// Recipients that cannot, by place.
    let unsupported: [Int: RecipientResult.Requirement]

    init(_ envelope: ClientEnvelope, size: Int, extensions: ServerExtensions) {
        var unsupported: [Int: RecipientResult.Requirement] = [:]
        var rcpts: [(index: Int, line: String)] = []
        let whole = OutgoingEnvelope.obstacle(envelope, size: size, extensions: extensions)
        for (index, recipient) in envelope.recipients.enumerated() {
            if let whole {
                unsupported[index] = whole
            } else if let path = OutgoingEnvelope.path(recipient.address, smtpUTF8: extensions.smtpUTF8) {
                rcpts.append((index, OutgoingEnvelope.rcpt(path, recipient, extensions)))
            } else {
                unsupported[index] = .smtpUTF8
            }
        }
        self.unsupported = unsupported
        self.rcpts = rcpts
        self.forwarded = envelope.client?.commands(for: extensions.forwardedAttributes) ?? []
        self.mail = rcpts.isEmpty ? nil : OutgoingEnvelope.mail(envelope, size: size, extensions: extensions)
    }

    /// What keeps the message from every recipient.
    private static func obstacle(
        _ envelope: ClientEnvelope,
        size: Int,
        extensions: ServerExtensions
    ) -> RecipientResult.Requirement? {
        if envelope.isEightBit, !extensions.eightBitMIME { return .eightBitMIME }
        if envelope.needsSMTPUTF8, !extensions.smtpUTF8 { return .smtpUTF8 }
        if let address = envelope.reversePath.address, path(address, smtpUTF8: extensions.smtpUTF8) == nil {
            return .smtpUTF8
        }
        if let limit = extensions.maxSize, size > limit { return .size(limit: limit) }
        return nil
    }

    /// What stands between the angle brackets; a non-ASCII domain goes as A-labels to a server without SMTPUTF8.
    private static func path(_ address: EmailAddress, smtpUTF8: Bool) -> String? {
        if smtpUTF8 || address.isASCII { return address.wire }
        guard let domain = Domain(address.domain.key),
            let plain = EmailAddress(localPart: address.localPart, domain: domain), plain.isASCII
        else { return nil }
        return plain.wire
    }

    private static func mail(_ envelope: ClientEnvelope, size: Int, extensions: ServerExtensions) -> String {
        let path =
            envelope.reversePath.address.flatMap { OutgoingEnvelope.path($0, smtpUTF8: extensions.smtpUTF8) } ?? ""
        let hasUTF8Address = ([envelope.reversePath.address] + envelope.recipients.map(\.address)).contains {
            $0?.isASCII == false
        }
        var line = "MAIL FROM:<" + path + ">"
        if extensions.hasSize { line += " SIZE=" + String(size) }
        if envelope.isEightBit { line += " BODY=8BITMIME" }
        if extensions.smtpUTF8, envelope.needsSMTPUTF8 || hasUTF8Address { line += " SMTPUTF8" }
        if envelope.requireTLS, extensions.requireTLS { line += " REQUIRETLS" }
        if extensions.dsn {
            if let ret = envelope.ret { line += " RET=" + ret.rawValue }
            if let envid = envelope.envid { line += " ENVID=" + XText.encode(envid) }
        }
        return line + "\r\n"
    }

    private static func rcpt(
        _ path: String,
        _ recipient: ClientEnvelope.Recipient,
        _ extensions: ServerExtensions
    ) -> String {
        var line = "RCPT TO:<" + path + ">"
        if extensions.dsn {
            if let notify = recipient.notify { line += " NOTIFY=" + notify.wire }
            if let orcpt = recipient.orcpt { line += " ORCPT=" + orcpt.wire }
        }
        return line + "\r\n"
    }
}
