// SPDX-License-Identifier: Apache-2.0

/// What the bytes of a body demand of a next hop, whatever their structure: seen eight bytes at a time.
struct BodyScan: Sendable {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080
    private static let lineFeeds: UInt64 = 0x0A0A_0A0A_0A0A_0A0A

    /// Lines above this length (CRLF not counted) are longer than RFC 5321 4.5.3.1.6 allows.
    private static let lineLimit = 998

    private(set) var has8Bit = false
    private(set) var hasNUL = false
    private(set) var hasLongLine = false
    /// Bytes since the last LF.
    private var lineLength = 0
    private var lastByte: UInt8 = 0

    mutating func consume(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { scan($0) }
    }

    /// Counts a last line without CRLF.
    mutating func finish() {
        let isCut = lineLength > 0 && lastByte == ASCII.carriageReturn
        if lineLength - (isCut ? 1 : 0) > Self.lineLimit { hasLongLine = true }
    }

    private mutating func scan(_ raw: UnsafeRawBufferPointer) {
        guard !raw.isEmpty else { return }
        scanBits(raw)
        if !hasLongLine { scanLines(raw) }
        lastByte = raw[raw.count - 1]
    }

    private mutating func scanBits(_ raw: UnsafeRawBufferPointer) {
        var bits: UInt64 = 0
        var zeros: UInt64 = 0
        var index = 0
        while index + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            bits |= word
            zeros |= Self.zeroBytes(word)
            index += 8
        }
        while index < raw.count {
            bits |= UInt64(raw[index])
            if raw[index] == 0 { zeros = Self.highs }
            index += 1
        }
        has8Bit = has8Bit || bits & Self.highs != 0
        hasNUL = hasNUL || zeros != 0
    }

    /// Looks backwards for an LF from where the current line must end: that finds one after a few bytes, and each byte
    /// is looked at twice at the most.
    private mutating func scanLines(_ raw: UnsafeRawBufferPointer) {
        var lineStart = -lineLength
        while true {
            let last = lineStart + Self.lineLimit + 1
            var index = min(last, raw.count - 1)
            if index == last, raw[index] == ASCII.lineFeed {
                // 999 bytes before the LF are too many, unless the last of them is its CR.
                let previous = index > 0 ? raw[index - 1] : lastByte
                if previous != ASCII.carriageReturn { index -= 1 }
            }
            let first = max(lineStart, 0)
            while index >= first, raw[index] != ASCII.lineFeed { index -= 1 }
            if index >= first {
                lineStart = index + 1
            } else if last < raw.count {
                hasLongLine = true
                return
            } else {
                lineLength = raw.count - lineStart
                return
            }
        }
    }

    /// Non-zero when, and only when, one of the eight bytes is zero.
    private static func zeroBytes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

    /// The first LF at or behind `start`.
    static func lineFeed(in bytes: ArraySlice<UInt8>, from start: Int) -> Int? {
        guard start < bytes.endIndex else { return nil }
        let base = start
        let found: Int? = bytes[start...].withUnsafeBytes { raw in
            var index = 0
            while index + 8 <= raw.count {
                let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ lineFeeds
                let zeros = zeroBytes(UInt64(littleEndian: word))
                if zeros != 0 { return index + zeros.trailingZeroBitCount / 8 }
                index += 8
            }
            while index < raw.count {
                if raw[index] == ASCII.lineFeed { return index }
                index += 1
            }
            return nil
        }
        return found.map { $0 + base }
    }

    /// Whether the bytes begin with `prefix`, compared eight at a time: a hostile body makes this run for every line
    /// and every open multipart.
    static func starts(_ bytes: ArraySlice<UInt8>, with prefix: [UInt8]) -> Bool {
        guard bytes.count >= prefix.count else { return false }
        return bytes.withUnsafeBytes { left in
            prefix.withUnsafeBytes { right in
                var index = 0
                while index + 8 <= right.count {
                    let word = left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    guard word == right.loadUnaligned(fromByteOffset: index, as: UInt64.self) else { return false }
                    index += 8
                }
                while index < right.count {
                    guard left[index] == right[index] else { return false }
                    index += 1
                }
                return true
            }
        }
    }
}
