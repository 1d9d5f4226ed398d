// SPDX-License-Identifier: Apache-2.0

/// What the header of a message from a program of this machine needs before it is mail: whole addresses, and a From.
package struct LocalHeader: Sendable {
    private static let senderFields = ["From", "Sender", "Resent-From", "Resent-Sender"]
    private static let recipientFields = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"]
    private static let otherFields = ["Reply-To", "Disposition-Notification-To"]

    private let domain: Domain

    /// - Parameter domain: what names without one get.
    package init(domain: Domain) {
        self.domain = domain
    }

    /// Without the line that mbox files have before each message.
    package static func withoutMboxLine(_ header: HeaderSection) -> HeaderSection {
        guard header.lines.first?.isMboxLine == true else { return header }
        return HeaderSection(lines: Array(header.lines.dropFirst()))
    }

    /// The address that a program means by `text`: as it stands, or a name at our domain.
    package func address(_ text: String) -> EmailAddress? {
        if let address = EmailAddress(text) { return address }
        guard !text.utf8.contains(ASCII.at) else { return nil }
        return EmailAddress(text + "@" + domain.wire)
    }

    /// Whom the header names as recipients: those it was sent again to, when there are any, else To, Cc and Bcc.
    package func recipients(in header: HeaderSection) -> [EmailAddress] {
        let resent = header.lines.contains { line in
            ["Resent-To", "Resent-Cc", "Resent-Bcc"].contains(where: line.isNamed)
        }
        var found: [EmailAddress] = []
        var seen: Set<EmailAddress> = []
        for line in header.lines {
            let isMeant = Self.recipientFields.contains { line.isNamed($0) && $0.hasPrefix("Resent-") == resent }
            guard isMeant else { continue }
            for address in Mailboxes.parse(UnqualifiedNames.completed(line.value, qualified))
            where seen.insert(address).inserted { found.append(address) }
        }
        return found
    }

    /// The header with a From, and whole addresses everywhere.
    ///
    /// A sender field that names another user of this machine without a domain (cron writes `root (Cron Daemon)`
    /// whoever's job it was) gets the address of whoever sends. Addresses with a domain stay for the caller to judge.
    /// - Parameters:
    ///   - sender: the address of whoever sends.
    ///   - maySend: whether the sender may also use another address.
    ///   - fullName: for a From that is missing.
    package func completed(
        _ header: HeaderSection,
        sender: EmailAddress,
        maySend: (EmailAddress) -> Bool,
        fullName: String? = nil
    ) -> HeaderSection {
        var header = Self.withoutMboxLine(header)
        header.rewrite { line in
            let bytes = Array(line.bytes[line.valueStart...])
            let completed: [UInt8]
            if Self.senderFields.contains(where: line.isNamed) {
                completed = UnqualifiedNames.completed(bytes) { name in
                    let own = EmailAddress(String(decoding: qualified(name), as: UTF8.self))
                    return own.map(maySend) == true ? qualified(name) : Array(sender.wire.utf8)
                }
            } else if (Self.recipientFields + Self.otherFields).contains(where: line.isNamed) {
                completed = UnqualifiedNames.completed(bytes, qualified)
            } else {
                return .keep
            }
            return completed == bytes ? .keep : .bytes(Array(line.bytes[..<line.valueStart]) + completed)
        }
        if header.first("From") == nil { header.append("From", Self.mailbox(sender, fullName: fullName)) }
        return header
    }

    private func qualified(_ name: [UInt8]) -> [UInt8] { name + [ASCII.at] + Array(domain.wire.utf8) }

    /// `"Full Name" <address>`; letters beyond ASCII in encoded words (RFC 2047), controls left out.
    private static func mailbox(_ address: EmailAddress, fullName: String?) -> String {
        let scalars = (fullName ?? "").flatMap(\.unicodeScalars).filter { scalar in
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
        }
        guard !scalars.isEmpty else { return address.wire }
        guard scalars.allSatisfy(\.isASCII) else { return encodedWords(scalars) + " <" + address.wire + ">" }
        var name = String.UnicodeScalarView()
        name.append(contentsOf: scalars)
        let quoted = String(name).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(quoted)\" <" + address.wire + ">"
    }

    /// RFC 2047 section 4.2, no word longer than 75 characters and none that cuts a letter.
    private static func encodedWords(_ scalars: [Unicode.Scalar]) -> String {
        var words: [String] = [""]
        for scalar in scalars {
            let isPlain = scalar.isASCII && (ASCII.isLetter(UInt8(scalar.value)) || ASCII.isDigit(UInt8(scalar.value)))
            let coded = isPlain ? String(scalar) : String(scalar).utf8.map { "=" + hexadecimal($0) }.joined()
            if (words.last?.utf8.count ?? 0) + coded.utf8.count > 60 { words.append("") }
            words[words.count - 1] += coded
        }
        return words.map { "=?utf-8?Q?\($0)?=" }.joined(separator: "\r\n ")
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
}

/// Finds where the header of a message from a program ends, from lines that end in CRLF, in any slicing.
///
/// More forgiving than ``HeaderSplitter``: a line that can be no field ends the header too and is the first of the body,
/// because programs pass bare text to `sendmail`.
package struct LocalHeaderSplitter: Sendable {
    /// The header without the empty line behind it.
    package private(set) var header: [UInt8] = []
    package private(set) var isComplete = false
    private var line: [UInt8] = []

    package init() {}

    /// Takes more bytes; the bytes among them and before them that belong to the body.
    package mutating func consume(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        if isComplete { return Array(bytes) }
        var start = bytes.startIndex
        while let end = BodyScan.lineFeed(in: bytes, from: start) {
            line.append(contentsOf: bytes[start...end])
            start = end + 1
            guard let body = endLine() else { continue }
            return body + bytes[start...]
        }
        line.append(contentsOf: bytes[start...])
        return []
    }

    /// The end of the message; body bytes that were still held back.
    package mutating func finish() -> [UInt8] {
        guard !isComplete, !line.isEmpty else {
            isComplete = true
            return []
        }
        return endLine() ?? []
    }

    /// Judges a whole line; what of it is body when it ended the header.
    private mutating func endLine() -> [UInt8]? {
        defer { line = [] }
        if line == [ASCII.carriageReturn, ASCII.lineFeed] {
            isComplete = true
            return []
        }
        let isContinuation = !header.isEmpty && (line.first.map(ASCII.isBlank) ?? false)
        let parsed = HeaderSection.Line(line)
        if isContinuation || !parsed.isOdd || (header.isEmpty && parsed.isMboxLine) {
            header.append(contentsOf: line)
            return nil
        }
        isComplete = true
        return line
    }
}
