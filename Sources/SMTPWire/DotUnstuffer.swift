// SPDX-License-Identifier: Apache-2.0

/// Takes DATA content off the wire: undoes dot-stuffing and finds the end, over chunks cut anywhere.
///
/// Only `CRLF.CRLF` ends the content, or `.CRLF` as the very first thing. A CR or LF that stands alone is a flaw wherever it
/// is (RFC 5321 §4.1.1.4, CVE-2023-51764 and its kin). NUL and 8-bit bytes pass.
package struct DotUnstuffer: Sendable {
    /// What the bytes came to.
    package enum Outcome: Sendable, Hashable {
        /// All taken, more is needed.
        case more
        /// The content ended; this many of the bytes belonged to it, end mark included.
        case ended(consumed: Int)
        case flaw(LineEndingFlaw)
    }

    private enum State: Sendable {
        case lineStart
        case inLine
        case afterCarriageReturn
        /// After a dot that began a line: it is never content itself.
        case afterDot
        case afterDotCarriageReturn
    }

    private var state = State.lineStart

    package init() {}

    /// Works through `bytes`; `emit` gets the ranges that are content, in order.
    package mutating func decode(_ bytes: UnsafeRawBufferPointer, emit: (Range<Int>) -> Void) -> Outcome {
        var runStart = 0
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            switch state {
            case .lineStart where byte == ByteScan.dot:
                if runStart < position { emit(runStart..<position) }
                position += 1
                runStart = position
                state = .afterDot
            case .lineStart, .inLine:
                state = .inLine
                if let flaw = takeLine(bytes, &position) { return .flaw(flaw) }
            case .afterCarriageReturn:
                guard byte == ByteScan.lineFeed else { return .flaw(.bareCarriageReturn) }
                position += 1
                state = .lineStart
            case .afterDot where byte == ByteScan.carriageReturn:
                position += 1
                runStart = position
                state = .afterDotCarriageReturn
            case .afterDot:
                state = .inLine
            case .afterDotCarriageReturn:
                guard byte == ByteScan.lineFeed else { return .flaw(.bareCarriageReturn) }
                state = .lineStart
                return .ended(consumed: position + 1)
            }
        }
        if runStart < position { emit(runStart..<position) }
        return .more
    }

    /// Moves on to the next line, or to the end of the bytes.
    private mutating func takeLine(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> LineEndingFlaw? {
        let lineFeed = ByteScan.first(ByteScan.lineFeed, in: bytes, position..<bytes.count)
        let carriageReturn = ByteScan.first(ByteScan.carriageReturn, in: bytes, position..<lineFeed)
        if carriageReturn == lineFeed {
            position = lineFeed
            return lineFeed == bytes.count ? nil : .bareLineFeed
        }
        guard carriageReturn + 1 == lineFeed else { return .bareCarriageReturn }
        if lineFeed == bytes.count {
            position = lineFeed
            state = .afterCarriageReturn
        } else {
            position = lineFeed + 1
            state = .lineStart
        }
        return nil
    }
}
