// SPDX-License-Identifier: Apache-2.0

import Keyring
import Mail
import Privacy
import Settings
package import Store

/// `Postern-Receipt: yes`: a signed-in user asks how each copy was protected and when it was handed on.
enum Receipt {
    static let field = "Postern-Receipt"

    /// Only a signed-in user's wish counts: everybody else could have others written to.
    static func isWished(for message: IncomingMessage) -> Bool {
        guard message.origin.account != nil, let wish = message.header.first(field) else { return false }
        return String(decoding: wish.value, as: UTF8.self).lowercased() == "yes"
    }
}

extension ReportComposer {
    /// The receipt for copies of one message that were handed on together; nil where none is wanted, or where it could
    /// not be protected as the rules for the sender's address ask.
    package func receipt(for copies: [LeasedCopy], isFinal: Bool) async throws -> NewMessage? {
        let copies = copies.filter(\.journey.wantsReceipt)
        guard let first = copies.first, let sender = first.envelope.reversePath.address, let hint = nextHopHint(sender),
            let daemon = EmailAddress(localPart: "MAILER-DAEMON", domain: settings.hostname)
        else { return nil }
        let id = MessageID()
        let now = time.wall()
        let date = MessageDate.format(time.calendar().seconds)
        var header = HeaderSection(parsing: [])
        header.append("From", "Mail Delivery System <" + daemon.wire + ">")
        header.append("To", "<" + sender.wire + ">")
        header.append("Subject", "Receipt for your message " + first.id.message.logText)
        header.append("Date", date)
        header.append("Message-ID", "<\(id.logText)@\(settings.hostname.key)>")
        header.append("Auto-Submitted", "auto-replied")
        header.append("MIME-Version", "1.0")
        header.append("Content-Type", "text/plain; charset=utf-8")
        let body = Array(text(of: copies, isFinal: isFinal, date: date).utf8)
        if body.contains(where: { $0 >= 0x80 }) { header.append("Content-Transfer-Encoding", "8bit") }

        let mode = rules.effective(for: sender).mode
        let finding = mode == .off ? .none : try await rules.finding(for: sender, at: now)
        let bytes: [UInt8]
        switch finding {
        case .usable(let keys): bytes = try await encrypted(header: header, body: MemorySource(body), to: keys)
        case .none where mode != .required: bytes = header.bytes + Array("\r\n".utf8) + body
        case .none, .unusable: return nil
        }
        return Self.outgoing(bytes, id: id, to: sender, hint: hint, at: now)
    }

    /// What the sender wrote, and nothing of what stands behind an alias.
    private func text(of copies: [LeasedCopy], isFinal: Bool, date: String) -> String {
        var paragraphs: [String] = []
        for copy in copies {
            let address = copy.journey.written ?? copy.recipient
            let paragraph =
                "  <" + address.wire + ">\r\n    " + Self.words(copy.protection) + ";\r\n    "
                + (isFinal ? "put into the mailbox" : "handed on to the next mail server") + " on " + date + "\r\n"
            if !paragraphs.contains(paragraph) { paragraphs.append(paragraph) }
        }
        let arrival = MessageDate.format(copies.first?.envelope.arrival.seconds ?? 0)
        return "Your message of " + arrival + "\r\nwas handed on:\r\n\r\n" + paragraphs.joined(separator: "\r\n")
            + "\r\nFurther recipients, if there are any, get a receipt of their own.\r\n"
    }

    private static func words(_ protection: String) -> String {
        switch protection {
        case "encrypted": "encrypted by the gateway to the recipient's key"
        case "already encrypted": "passed on as it was: it was encrypted already"
        case "clear (no key)": "in clear: no key of the recipient is known"
        case "clear (off)": "in clear: encryption is off for the recipient"
        default: "in clear"
        }
    }
}
