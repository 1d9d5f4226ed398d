// SPDX-License-Identifier: Apache-2.0

/// Bytes that may be too many for memory.
///
/// Any offset may be read, any number of times, by one reader at a time or by several.
package protocol ByteSource: Sendable {
    /// How many bytes there are in all.
    var count: Int { get }

    /// Reads 1 to `maxCount` bytes from `offset` on; the answer is empty only when `offset` is at or past the end.
    func read(at offset: Int, maxCount: Int) async throws -> [UInt8]
}

/// Bytes that lie in memory.
package struct MemorySource: ByteSource {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var count: Int { bytes.count }

    package func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset >= 0, offset < bytes.count else { return [] }
        let end = min(bytes.count, offset + min(max(1, maxCount), bytes.count - offset))
        return offset == 0 && end == bytes.count ? bytes : Array(bytes[offset..<end])
    }
}

/// Several sources one after the other, as one.
package struct ConcatenatedSource: ByteSource {
    private let parts: [any ByteSource]
    /// Where each part begins.
    private let starts: [Int]
    package let count: Int

    package init(_ parts: [any ByteSource]) {
        self.parts = parts
        var starts: [Int] = []
        var total = 0
        for part in parts {
            starts.append(total)
            total += part.count
        }
        self.starts = starts
        count = total
    }

    package func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset >= 0, offset < count else { return [] }
        var index = 0
        while index + 1 < parts.count, starts[index + 1] <= offset { index += 1 }
        return try await parts[index].read(at: offset - starts[index], maxCount: maxCount)
    }
}

/// Bytes that are made as they are asked for, once and in order (an encryption, say).
package protocol ChunkProducer: Sendable {
    /// The next chunk, about 64 KiB and never empty; `nil` at the end.
    mutating func next() async throws -> [UInt8]?
}

/// Hands out a source's bytes in order.
package struct SourceProducer: ChunkProducer {
    private let source: any ByteSource
    private let chunkSize: Int
    private var offset = 0

    package init(_ source: any ByteSource, chunkSize: Int = 65536) {
        self.source = source
        self.chunkSize = max(1, chunkSize)
    }

    package mutating func next() async throws -> [UInt8]? {
        guard offset < source.count else { return nil }
        let chunk = try await source.read(at: offset, maxCount: chunkSize)
        guard !chunk.isEmpty else { return nil }
        offset += chunk.count
        return chunk
    }
}
