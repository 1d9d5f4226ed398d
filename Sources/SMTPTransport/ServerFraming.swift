// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SMTPWire

/// The state machine that turns a client's bytes into ``ServerEvent``s.
///
/// No channel, no clock: bytes in, events out.
///
/// It parses on demand only, so that a flood of commands costs no more memory than its bytes.
struct ServerFraming {
    enum Mode {
        case commands
        /// Throwing away a line that was too long.
        case discarding(octets: Int, isAuthLine: Bool)
        case authLine
        case body(DotUnstuffer)
        case chunk(remaining: Int, last: Bool)
        /// Nothing is parsed until the session has replied.
        case awaitingReply(afterData: Bool)
        /// Nothing is parsed any more.
        case stopped
    }

    private(set) var mode = Mode.commands
    private var buffer = ByteBuffer()
    /// Octets of ``buffer`` in which no line end was found.
    private var scanned = 0
    /// Line endings over the chunks of one BDAT sequence.
    private var lineEndings = LineEndingCheck()
    private let maxDiscardedLineBytes: Int

    init(maxDiscardedLineBytes: Int) {
        self.maxDiscardedLineBytes = maxDiscardedLineBytes
    }

    /// Octets that have not been parsed.
    var unparsedBytes: Int { buffer.readableBytes }

    var isStopped: Bool { if case .stopped = mode { true } else { false } }
    var isAwaitingReply: Bool { if case .awaitingReply = mode { true } else { false } }
    /// Whether content is being received.
    var isInContent: Bool {
        switch mode {
        case .body, .chunk: true
        default: false
        }
    }
    /// Whether the next thing to come is a command line.
    var isInCommands: Bool { if case .commands = mode { true } else { false } }

    mutating func receive(_ bytes: ByteBuffer) {
        guard !isStopped else { return }
        if buffer.readableBytes == 0 {
            buffer = bytes
            scanned = 0
        } else {
            var bytes = bytes
            buffer.writeBuffer(&bytes)
        }
    }

    /// The session's reply has left: goes on with what is expected now.
    mutating func resume(_ expected: ExpectedInput) -> ServerEvent? {
        guard case .awaitingReply(let afterData) = mode else { return nil }
        switch expected {
        case .commands:
            if afterData, buffer.readableBytes > 0 { return stop(.unsolicitedContent) }
            mode = .commands
        case .body: mode = .body(DotUnstuffer())
        case .authLine: mode = .authLine
        }
        scanned = 0
        return nil
    }

    /// TLS begins: forgets everything.
    ///
    /// Bytes that were sent in the clear behind STARTTLS are a violation.
    mutating func startTLS() -> ServerEvent? {
        guard buffer.readableBytes == 0 else { return stop(.bytesAfterStartTLS) }
        mode = .commands
        scanned = 0
        lineEndings = LineEndingCheck()
        return nil
    }

    /// Ends parsing for good and drops what is held.
    mutating func stop() {
        mode = .stopped
        buffer = ByteBuffer()
        scanned = 0
    }

    /// The next event, or `nil` when more bytes or a reply are needed.
    mutating func next() -> ServerEvent? {
        switch mode {
        case .commands: nextLine(isAuthLine: false)
        case .authLine: nextLine(isAuthLine: true)
        case .discarding(let octets, let isAuthLine): discard(octets, isAuthLine: isAuthLine)
        case .body(let unstuffer): nextContent(unstuffer)
        case .chunk(let remaining, let last): nextChunk(remaining, last: last)
        case .awaitingReply, .stopped: nil
        }
    }

    private mutating func stop(_ violation: FramingViolation) -> ServerEvent {
        stop()
        return .violation(violation)
    }
}

// MARK: - Lines

extension ServerFraming {
    private enum LineEnd {
        /// The line's octets, CRLF included.
        case complete(Int)
        case incomplete
        case flaw(FramingViolation)
    }

    private mutating func nextLine(isAuthLine: Bool) -> ServerEvent? {
        let view = buffer.readableBytesView
        guard let first = view.first else { return nil }
        if !isAuthLine, first < 0x20 && first != 0x0D && first != 0x0A || first >= 0x80 { return stop(.otherProtocol) }
        let limit = isAuthLine ? CommandLineLimit.authLine : CommandLineLimit.octets(for: view.prefix(4))
        switch findLineEnd() {
        case .flaw(let violation): return stop(violation)
        case .incomplete:
            guard view.count >= limit else { return nil }
            if !isAuthLine, isChunkCommand(view.prefix(5)) { return stop(.malformedChunkSize) }
            mode = .discarding(octets: 0, isAuthLine: isAuthLine)
            return next()
        case .complete(let octets):
            scanned = 0
            let line = buffer.readSlice(length: octets).map {
                $0.getSlice(at: $0.readerIndex, length: octets - 2) ?? ByteBuffer()
            }
            guard let line else { return nil }
            if isAuthLine { return authLine(line, isTooLong: octets > limit) }
            return command(line, isTooLong: octets > limit)
        }
    }

    private mutating func authLine(_ line: ByteBuffer, isTooLong: Bool) -> ServerEvent {
        mode = .awaitingReply(afterData: false)
        return isTooLong ? .authLineTooLong : .authLine(line)
    }

    private mutating func command(_ line: ByteBuffer, isTooLong: Bool) -> ServerEvent {
        let bytes = Array(buffer: line)
        if ServerFraming.isOtherProtocol(bytes) { return stop(.otherProtocol) }
        if isTooLong { return isChunkCommand(bytes.prefix(5)) ? stop(.malformedChunkSize) : .lineTooLong }
        let command: SMTPCommand
        do throws(CommandError) {
            command = try SMTPCommandParser.parse(bytes[...], smtpUTF8Allowed: true)
        } catch {
            return isChunkCommand(bytes.prefix(5)) ? stop(.malformedChunkSize) : .badCommand(error)
        }
        switch command {
        case .data:
            lineEndings = LineEndingCheck()
            mode = .awaitingReply(afterData: true)
        case .startTLS, .auth, .quit: mode = .awaitingReply(afterData: false)
        case .bdat(let size, let last): mode = .chunk(remaining: size, last: last)
        case .mail, .rset, .ehlo, .helo, .lhlo: lineEndings = LineEndingCheck()
        default: break
        }
        return .command(command)
    }

    /// Throws away the rest of a line; its end, when it comes, is one `lineTooLong`.
    private mutating func discard(_ octets: Int, isAuthLine: Bool) -> ServerEvent? {
        switch findLineEnd() {
        case .flaw(let violation): return stop(violation)
        case .complete(let length):
            buffer.moveReaderIndex(forwardBy: length)
            scanned = 0
            mode = isAuthLine ? .awaitingReply(afterData: false) : .commands
            return isAuthLine ? .authLineTooLong : .lineTooLong
        case .incomplete:
            // All but a final CR, whose LF may be the next byte.
            let droppable = scanned
            guard octets + droppable <= maxDiscardedLineBytes else { return stop(.endlessLine) }
            buffer.moveReaderIndex(forwardBy: droppable)
            scanned = 0
            mode = .discarding(octets: octets + droppable, isAuthLine: isAuthLine)
            return nil
        }
    }

    /// Looks for CRLF from ``scanned`` on.
    ///
    /// Without one, ``scanned`` ends before a final CR or at the end.
    private mutating func findLineEnd() -> LineEnd {
        let start = scanned
        let end = buffer.withUnsafeReadableBytes { bytes -> LineEnd in
            guard let position = bytes[start...].firstIndex(where: { $0 == 10 || $0 == 13 }) else { return .incomplete }
            if bytes[position] == 10 { return .flaw(.bareLineFeed) }
            guard position + 1 < bytes.count else { return .incomplete }
            return bytes[position + 1] == 10 ? .complete(position + 2) : .flaw(.bareCarriageReturn)
        }
        if case .incomplete = end {
            let view = buffer.readableBytesView
            scanned = view.last == 13 ? view.count - 1 : view.count
        }
        return end
    }

    private func isChunkCommand(_ head: some Collection<UInt8>) -> Bool {
        guard head.map({ $0 & 0xDF }).starts(with: [0x42, 0x44, 0x41, 0x54]) else { return false }
        return head.dropFirst(4).first.map { !(65...90).contains($0 & 0xDF) } ?? true
    }

    /// What a web browser would begin with (ALPACA); no SMTP command looks like it.
    private static func isOtherProtocol(_ line: [UInt8]) -> Bool {
        let verb = line.prefix(8).prefix { $0 != 0x20 }
        guard (3...7).contains(verb.count), verb.count < line.count else { return false }
        return ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"].contains(
            String(decoding: verb, as: UTF8.self)
        )
    }
}

// MARK: - Content

extension ServerFraming {
    private mutating func nextContent(_ unstuffer: DotUnstuffer) -> ServerEvent? {
        guard buffer.readableBytes > 0 else { return nil }
        var unstuffer = unstuffer
        var ranges: [Range<Int>] = []
        let outcome = buffer.withUnsafeReadableBytes { bytes in unstuffer.decode(bytes) { ranges.append($0) } }
        let content = join(ranges)
        switch outcome {
        case .flaw(let flaw): return stop(FramingViolation(flaw))
        case .more:
            buffer = ByteBuffer()
            mode = .body(unstuffer)
            return content.map { .bodyChunk($0) }
        case .ended(let consumed):
            guard let content else {
                buffer.moveReaderIndex(forwardBy: consumed)
                return endOfContent(last: true)
            }
            // The content first; the end mark alone stays in the buffer, with the state that it is read in.
            buffer.moveReaderIndex(forwardBy: consumed - 3)
            mode = .body(DotUnstuffer())
            return .bodyChunk(content)
        }
    }

    /// One buffer of all the ranges: a slice when there is one, else a copy, so that stuffed dots make no swarm of chunks.
    private func join(_ ranges: [Range<Int>]) -> ByteBuffer? {
        guard let first = ranges.first else { return nil }
        let base = buffer.readerIndex
        if ranges.count == 1 { return buffer.getSlice(at: base + first.lowerBound, length: first.count) }
        var joined = ByteBuffer()
        joined.reserveCapacity(buffer.readableBytes)
        for range in ranges {
            if var slice = buffer.getSlice(at: base + range.lowerBound, length: range.count) {
                joined.writeBuffer(&slice)
            }
        }
        return joined
    }

    private mutating func nextChunk(_ remaining: Int, last: Bool) -> ServerEvent? {
        if remaining == 0 { return endOfChunk(last: last) }
        guard let content = buffer.readSlice(length: min(remaining, buffer.readableBytes)), content.readableBytes > 0
        else { return nil }
        let flaw = content.withUnsafeReadableBytes { bytes -> LineEndingFlaw? in
            do throws(LineEndingFlaw) {
                try lineEndings.consume(bytes)
                return nil
            } catch { return error }
        }
        if let flaw { return stop(FramingViolation(flaw)) }
        mode = .chunk(remaining: remaining - content.readableBytes, last: last)
        return .bodyChunk(content)
    }

    private mutating func endOfChunk(last: Bool) -> ServerEvent {
        guard last else {
            mode = .commands
            return .bodyEnd(last: false)
        }
        do throws(LineEndingFlaw) {
            try lineEndings.finish()
        } catch {
            return stop(FramingViolation(error))
        }
        lineEndings = LineEndingCheck()
        return endOfContent(last: true)
    }

    private mutating func endOfContent(last: Bool) -> ServerEvent {
        mode = .awaitingReply(afterData: false)
        scanned = 0
        return .bodyEnd(last: last)
    }
}
