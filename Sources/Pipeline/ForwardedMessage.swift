// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPWire
import Settings
import Vault

/// The message in which an address of ours sends on, encrypted, what its author's domain lets nobody alter: new outside,
/// the original whole as `message/rfc822` inside.
struct ForwardedMessage {
    let hostname: Domain
    let marks: ForwardMarks
    let time: Time

    /// The header around the original.
    ///
    /// `trace` is the prepared header of the original: our own trace field and the marks of earlier forwards come from it.
    func header(
        of message: IncomingMessage,
        trace: HeaderSection,
        forwarder: EmailAddress,
        is8Bit: Bool
    ) -> HeaderSection {
        let original = message.header
        var lines = [UInt8]()
        if let received = trace.first("Received") { lines += Self.whole(received) }
        for mark in original.fields(ForwardMarks.field) { lines += Self.whole(mark) }
        for kept in ["Subject", "Auto-Submitted", "Reply-To"] {
            if let line = original.first(kept) { lines += Self.whole(line) }
        }
        var header = HeaderSection(parsing: lines)
        header.append(ForwardMarks.field, marks.make(for: forwarder))
        header.append("From", from(original, forwarder))
        header.append("To", "<" + forwarder.wire + ">")
        if original.first("Reply-To") == nil, let authors = authors(original) { header.append("Reply-To", authors) }
        header.append("Date", MessageDate.format(time.calendar().seconds))
        header.append("Message-ID", MessageIdentifier.make(from: Vault.randomBytes(16), at: hostname))
        header.append("MIME-Version", "1.0")
        header.append("Content-Type", "message/rfc822")
        if is8Bit { header.append("Content-Transfer-Encoding", "8bit") }
        return header
    }

    /// The original as it came: header, empty line and body.
    static func original(of message: IncomingMessage) -> ConcatenatedSource {
        let head = message.header.bytes + (message.hasEmptyLine ? Array("\r\n".utf8) : [])
        return ConcatenatedSource([MemorySource(head), message.body])
    }

    private func from(_ original: HeaderSection, _ forwarder: EmailAddress) -> String {
        let value = original.first("From")?.value ?? []
        let author = Mailboxes.parse(value).first.map { AuthorName.quoted($0.wire) }
        let name = AuthorName.phrase(of: value) ?? author ?? AuthorName.quoted("unknown")
        return name + " via " + AuthorName.quoted(forwarder.domain.key) + "\r\n\t<" + forwarder.wire + ">"
    }

    private func authors(_ original: HeaderSection) -> String? {
        let authors = original.fields("From").flatMap { Mailboxes.parse($0.value) }.prefix(10)
        return authors.isEmpty ? nil : authors.map { "<" + $0.wire + ">" }.joined(separator: ",\r\n\t")
    }

    /// A field as it came, folds included; only the last line of a cut message lacks its end.
    private static func whole(_ line: HeaderSection.Line) -> [UInt8] {
        line.bytes.suffix(2).elementsEqual([13, 10]) ? line.bytes : line.bytes + [13, 10]
    }
}
