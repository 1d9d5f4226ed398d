// SPDX-License-Identifier: Apache-2.0

/// Why a server's bytes are no reply.
///
/// The conversation cannot go on after one.
package enum ReplyError: Error, Sendable, Hashable {
    /// A line over 2,048 octets.
    case lineTooLong
    /// A reply of more than 100 lines.
    case tooManyLines
    /// A line that does not begin with a code.
    case malformed
    /// The lines of one reply carry different codes.
    case mismatchedCodes
}

/// Cuts a server's bytes into replies (RFC 5321 §4.2), over chunks cut anywhere.
///
/// Bounded, and total over any bytes.
///
/// A line may end in CRLF or LF: nothing rests on the difference in this direction.
package struct ReplyParser: Sendable {
    /// RFC 5321 §4.5.3.1.5 says 512; long TLS and policy texts pass it.
    package static let maxLineBytes = 2048
    package static let maxLines = 100

    private var buffer: [UInt8] = []
    /// Where in ``buffer`` the next line begins.
    private var start = 0
    /// How far a line's end has been looked for.
    private var scanned = 0
    private var code: Int?
    private var lines: [ArraySlice<UInt8>] = []

    package init() {}

    /// Takes in more bytes.
    ///
    /// Call ``next()`` until it gives `nil` before adding more, or the buffer grows.
    package mutating func append(_ bytes: some Collection<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            (start, scanned) = (0, 0)
        }
        buffer.append(contentsOf: bytes)
    }

    /// Whether anything is held that is not yet a whole reply.
    package var hasUnfinishedBytes: Bool { start < buffer.count || !lines.isEmpty }

    /// The next whole reply, or `nil` when more bytes are needed.
    package mutating func next() throws(ReplyError) -> RemoteReply? {
        while let line = try takeLine() {
            guard let lineCode = ReplyParser.code(of: line) else { throw .malformed }
            if let code, code != lineCode { throw .mismatchedCodes }
            let separator = line.dropFirst(3).first
            guard separator == nil || separator == UInt8(ascii: " ") || separator == UInt8(ascii: "-") else {
                throw .malformed
            }
            guard lines.count < ReplyParser.maxLines else { throw .tooManyLines }
            lines.append(line.dropFirst(4))
            code = lineCode
            guard separator != UInt8(ascii: "-") else { continue }
            let reply = ReplyParser.reply(lineCode, lines)
            code = nil
            lines.removeAll(keepingCapacity: true)
            return reply
        }
        return nil
    }

    private mutating func takeLine() throws(ReplyError) -> ArraySlice<UInt8>? {
        guard let end = buffer[scanned...].firstIndex(of: ByteScan.lineFeed) else {
            scanned = buffer.count
            if buffer.count - start > ReplyParser.maxLineBytes { throw .lineTooLong }
            dropTakenBytes()
            return nil
        }
        guard end - start < ReplyParser.maxLineBytes else { throw .lineTooLong }
        var line = buffer[start..<end]
        if line.last == ByteScan.carriageReturn { line = line.dropLast() }
        start = end + 1
        scanned = start
        return line
    }

    private mutating func dropTakenBytes() {
        guard start > 0 else { return }
        // Lines of an unfinished reply are slices of the old buffer and keep it alive; they become arrays of their own.
        lines = lines.map { ArraySlice(Array($0)) }
        buffer.removeSubrange(..<start)
        (start, scanned) = (0, buffer.count)
    }

    private static func code(of line: ArraySlice<UInt8>) -> Int? {
        guard line.count >= 3, let value = SMTPCommandParser.decimal(line.prefix(3), maxDigits: 3) else { return nil }
        return (200...599).contains(value) ? value : nil
    }

    private static func reply(_ code: Int, _ lines: [ArraySlice<UInt8>]) -> RemoteReply {
        var enhanced: RemoteReply.Enhanced?
        var texts: [String] = []
        texts.reserveCapacity(lines.count)
        for line in lines {
            let (found, rest) = splitEnhanced(line, class: code / 100)
            enhanced = found
            texts.append(cleaned(rest))
        }
        return RemoteReply(code: code, enhanced: enhanced, lines: texts)
    }

    /// RFC 2034 §4: `class "." subject "." detail` and then a space or the end.
    private static func splitEnhanced(
        _ line: ArraySlice<UInt8>,
        class: Int
    ) -> (RemoteReply.Enhanced?, ArraySlice<UInt8>) {
        let word = line.prefix { $0 != UInt8(ascii: " ") }
        guard word.count <= 9 else { return (nil, line) }
        let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 1, SMTPCommandParser.decimal(parts[0], maxDigits: 1) == `class`,
            let subject = SMTPCommandParser.decimal(parts[1], maxDigits: 3),
            let detail = SMTPCommandParser.decimal(parts[2], maxDigits: 3)
        else { return (nil, line) }
        return (
            RemoteReply.Enhanced(class: `class`, status: EnhancedStatus(subject, detail)),
            line[word.endIndex...].dropFirst()
        )
    }

    private static func cleaned(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        guard !text.unicodeScalars.allSatisfy(isHarmless) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(isHarmless(scalar) ? scalar : "?") }
        return String(result)
    }

    /// No controls, no line separators, nothing that turns the direction of text.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09: true
        case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: false
        default: true
        }
    }
}
