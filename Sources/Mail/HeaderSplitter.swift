// SPDX-License-Identifier: Apache-2.0

/// Finds where a message's header section ends, from bytes as they arrive in any slicing.
///
/// The section ends at the first empty line (CRLF right after CRLF), or at once when the message begins with CRLF.
/// Nothing else ends it: a line that is no field never moves the start of the body. Without an empty line all is
/// header.
package struct HeaderSplitter: Sendable {
    /// What is known after some bytes.
    package enum Progress: Sendable, Equatable {
        /// The empty line has not come yet.
        case incomplete
        /// The header section is complete in ``HeaderSplitter/header``; the body begins at this index of the slice
        /// just consumed (its end, when the body has not begun to arrive).
        case complete(bodyStart: Int)
        /// The section is longer than the limit; nothing more is taken in.
        case tooLarge
    }

    /// The longest header section that is taken, in bytes.
    package let limit: Int
    /// The section so far: without the empty line that ends it, every other byte as it came.
    package private(set) var header: [UInt8] = []
    /// Whether the empty line has come.
    ///
    /// A message without one has no body, and gets no empty line for being relayed.
    package private(set) var isComplete = false
    private var isTooLarge = false
    /// Bytes since the last CRLF.
    private var lineLength = 0
    private var lastByte: UInt8 = 0

    package init(limit: Int = 256 * 1024) {
        self.limit = limit
    }

    /// Takes more of the message.
    ///
    /// After `complete`, further bytes are all body and are not looked at.
    package mutating func consume(_ bytes: ArraySlice<UInt8>) -> Progress {
        if isTooLarge { return .tooLarge }
        if isComplete { return .complete(bodyStart: bytes.startIndex) }
        if header.isEmpty { header.reserveCapacity(min(bytes.count, limit)) }
        let index = scan(bytes)
        header.append(contentsOf: bytes[..<index])
        // The two bytes of the empty line.
        if isComplete { header.removeLast(2) }
        guard header.count <= limit else {
            isTooLarge = true
            header = []
            return .tooLarge
        }
        return isComplete ? .complete(bodyStart: index) : .incomplete
    }

    /// The index behind the empty line, or the end.
    private mutating func scan(_ bytes: ArraySlice<UInt8>) -> Int {
        var start = bytes.startIndex
        while let lineFeed = BodyScan.lineFeed(in: bytes, from: start) {
            let previous = lineFeed > bytes.startIndex ? bytes[lineFeed - 1] : lastByte
            lineLength += lineFeed + 1 - start
            start = lineFeed + 1
            guard previous == ASCII.carriageReturn, lineLength >= 2 else { continue }
            if lineLength == 2 {
                isComplete = true
                return start
            }
            lineLength = 0
        }
        lineLength += bytes.endIndex - start
        lastByte = bytes.last ?? lastByte
        return bytes.endIndex
    }
}
