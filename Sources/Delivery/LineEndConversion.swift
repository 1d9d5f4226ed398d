// SPDX-License-Identifier: Apache-2.0

/// CRLF to LF, in any slicing.
///
/// A CR without LF stays as it is.
struct LineEndConversion: Sendable {
    private var endsInCR = false

    /// The converted bytes; a CR at the very end waits for what follows.
    mutating func convert(_ chunk: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(chunk.count + 1)
        for byte in chunk {
            if endsInCR && byte != 10 { output.append(13) }
            endsInCR = byte == 13
            if !endsInCR { output.append(byte) }
        }
        return output
    }

    /// What still waits.
    mutating func finish() -> [UInt8] {
        defer { endsInCR = false }
        return endsInCR ? [13] : []
    }
}
