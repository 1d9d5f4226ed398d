// SPDX-License-Identifier: Apache-2.0

/// Makes DATA content out of a message, chunk by chunk (RFC 5321 §4.5.2), and lets no bare CR or LF through.
package struct DotStuffer: Sendable {
    private var check = LineEndingCheck()
    private var isAtLineStart = true

    package init() {}

    /// Appends the stuffed form of `chunk`.
    ///
    /// On a flaw nothing of the chunk is appended.
    package mutating func encode(_ chunk: ArraySlice<UInt8>, into output: inout [UInt8]) throws(LineEndingFlaw) {
        guard let last = chunk.last else { return }
        try check.consume(chunk)
        output.reserveCapacity(output.count + chunk.count + chunk.count / 64 + 8)
        chunk.withUnsafeBytes { bytes in
            var runStart = 0
            var lineStart = isAtLineStart ? 0 : nextLine(in: bytes, from: 0)
            while lineStart < bytes.count {
                if bytes[lineStart] == ByteScan.dot {
                    output.append(contentsOf: bytes[runStart..<lineStart])
                    output.append(ByteScan.dot)
                    runStart = lineStart
                }
                lineStart = nextLine(in: bytes, from: lineStart)
            }
            output.append(contentsOf: bytes[runStart..<bytes.count])
        }
        isAtLineStart = last == ByteScan.lineFeed
    }

    /// Appends the end: `CRLF.CRLF`, or `.CRLF` when the content ended a line (or is empty).
    package mutating func finish(into output: inout [UInt8]) throws(LineEndingFlaw) {
        try check.finish()
        if !isAtLineStart { output.append(contentsOf: [13, 10]) }
        output.append(contentsOf: [46, 13, 10])
    }

    private func nextLine(in bytes: UnsafeRawBufferPointer, from position: Int) -> Int {
        min(bytes.count, ByteScan.first(ByteScan.lineFeed, in: bytes, position..<bytes.count) + 1)
    }
}
