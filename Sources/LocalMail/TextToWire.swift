// SPDX-License-Identifier: Apache-2.0

/// Turns what a program wrote, with the line ends of this machine, into lines that end in CRLF, over chunks cut anywhere.
///
/// LF becomes CRLF, CRLF stays, the last line gets an end. A CR that no LF follows has no meaning in mail and is refused,
/// because another server might take it for a line end.
package struct TextToWire: Sendable {
    /// A CR without LF.
    package struct LoneCarriageReturn: Error {}

    private let ignoresDots: Bool
    private var isAfterCarriageReturn = false
    /// Bytes of the line in hand, as far as the rule of the single dot asks: none, one dot, or more.
    private var lineStart = LineStart.empty
    /// Whether a line with a single dot has ended the message; nothing after it counts.
    package private(set) var hasEnded = false

    private enum LineStart {
        case empty
        case dot
        case other
    }

    /// - Parameter ignoresDots: a line with a single dot is text (`-i`).
    package init(ignoresDots: Bool) {
        self.ignoresDots = ignoresDots
    }

    package mutating func convert(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8]) throws(LoneCarriageReturn) {
        output.reserveCapacity(output.count + bytes.count + bytes.count / 32 + 2)
        for byte in bytes {
            if hasEnded { return }
            if byte == 10 {
                isAfterCarriageReturn = false
                endLine(&output)
                continue
            }
            guard !isAfterCarriageReturn else { throw LoneCarriageReturn() }
            if byte == 13 {
                isAfterCarriageReturn = true
                continue
            }
            if lineStart == .empty, byte == 46, !ignoresDots {
                lineStart = .dot
                continue
            }
            if lineStart == .dot { output.append(46) }
            lineStart = .other
            output.append(byte)
        }
    }

    /// The end of the input.
    package mutating func finish(into output: inout [UInt8]) throws(LoneCarriageReturn) {
        guard !hasEnded else { return }
        guard !isAfterCarriageReturn else { throw LoneCarriageReturn() }
        if lineStart != .empty { endLine(&output) }
    }

    private mutating func endLine(_ output: inout [UInt8]) {
        if lineStart == .dot {
            hasEnded = true
        } else {
            output.append(13)
            output.append(10)
        }
        lineStart = .empty
    }
}
