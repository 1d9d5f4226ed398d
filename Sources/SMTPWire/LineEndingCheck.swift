// SPDX-License-Identifier: Apache-2.0

/// A line ending that is not CRLF.
///
/// Passing one on is what SMTP smuggling lives on (RFC 5321 §2.3.8).
package enum LineEndingFlaw: Error, Sendable, Hashable {
    case bareCarriageReturn
    case bareLineFeed
}

/// Sees that CR and LF come in pairs only, over any number of chunks cut anywhere.
package struct LineEndingCheck: Sendable {
    private var isAfterCarriageReturn = false

    package init() {}

    /// Looks at the next bytes; the first flaw ends it.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(LineEndingFlaw) {
        guard !bytes.isEmpty else { return }
        var position = 0
        if isAfterCarriageReturn {
            guard bytes[0] == ByteScan.lineFeed else { throw .bareCarriageReturn }
            isAfterCarriageReturn = false
            position = 1
        }
        while position < bytes.count {
            let lineFeed = ByteScan.first(ByteScan.lineFeed, in: bytes, position..<bytes.count)
            let carriageReturn = ByteScan.first(ByteScan.carriageReturn, in: bytes, position..<lineFeed)
            if carriageReturn == lineFeed {
                guard lineFeed == bytes.count else { throw .bareLineFeed }
                return
            }
            guard carriageReturn + 1 == lineFeed else { throw .bareCarriageReturn }
            isAfterCarriageReturn = lineFeed == bytes.count
            position = lineFeed + 1
        }
    }

    /// The same for bytes in an array.
    package mutating func consume(_ bytes: ArraySlice<UInt8>) throws(LineEndingFlaw) {
        // The closure's error is carried by hand: `withUnsafeBytes` rethrows untyped.
        let flaw = bytes.withUnsafeBytes { raw -> LineEndingFlaw? in
            do throws(LineEndingFlaw) {
                try consume(raw)
                return nil
            } catch { return error }
        }
        if let flaw { throw flaw }
    }

    /// To be called at the end of the content: a CR may not be its last byte.
    package func finish() throws(LineEndingFlaw) {
        if isAfterCarriageReturn { throw .bareCarriageReturn }
    }
}
