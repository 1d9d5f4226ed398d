// SPDX-License-Identifier: Apache-2.0

import Foundation
import Vault

/// Cuts one content into chunks of 64 KiB and seals each, the last one marked as such.
struct ContentSealer {
    private let key: RecordKey
    private let number: Int64
    private var index = 0
    private var rest: [UInt8] = []
    private(set) var size = 0
    /// The content in clear while it is short enough for the cache in memory.
    private(set) var plaintext: [UInt8]? = []

    init(key: RecordKey, number: Int64) {
        self.key = key
        self.number = number
    }

    /// Takes bytes in any slicing.
    ///
    /// Seals what is certain not to be the last chunk.
    mutating func add(_ bytes: [UInt8], to chunks: inout [SealedChunk]) throws(StoreError) {
        size += bytes.count
        if size <= FreshCache.longestContent { plaintext?.append(contentsOf: bytes) } else { plaintext = nil }
        rest.append(contentsOf: bytes)
        var start = 0
        while rest.count - start > ChunkRow.size {
            try seal(rest[start..<(start + ChunkRow.size)], isLast: false, to: &chunks)
            start += ChunkRow.size
        }
        if start > 0 { rest.removeFirst(start) }
    }

    /// Seals the last chunk, which may be empty.
    mutating func finish(to chunks: inout [SealedChunk]) throws(StoreError) {
        try seal(rest[...], isLast: true, to: &chunks)
        rest = []
    }

    private mutating func seal(_ bytes: ArraySlice<UInt8>, isLast: Bool, to chunks: inout [SealedChunk])
        throws(StoreError)
    {
        guard index < ChunkRow.mostChunks else { throw .tooLarge }
        let context = SealContext.chunk(content: number, index: index, isLast: isLast)
        chunks.append(
            SealedChunk(
                row: ChunkRow.number(content: number, index: index),
                data: key.seal(bytes, context: context)
            )
        )
        index += 1
    }
}
