// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Byte sources")
struct ByteSourceTests {
    @Test("several in a row read as one, empty ones among them, in pieces of any size", arguments: [1, 2, 3, 7, 100])
    func concatenated(chunk: Int) async throws {
        let parts: [[UInt8]] = [[], [1, 2, 3], [], [4], [5, 6, 7, 8], []]
        let source = ConcatenatedSource(parts.map { MemorySource($0) })
        #expect(source.count == 8)
        var producer = SourceProducer(source, chunkSize: chunk)
        var read: [UInt8] = []
        while let piece = try await producer.next() {
            #expect(!piece.isEmpty && piece.count <= chunk)
            read += piece
        }
        #expect(read == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test("give nothing past their end, and never trap on an odd offset or count")
    func ends() async throws {
        let source = MemorySource([1, 2, 3])
        #expect(try await source.read(at: 3, maxCount: 5).isEmpty)
        #expect(try await source.read(at: -1, maxCount: 5).isEmpty)
        #expect(try await source.read(at: .max, maxCount: .max).isEmpty)
        #expect(try await source.read(at: 1, maxCount: .max) == [2, 3])
        #expect(try await ConcatenatedSource([]).read(at: 0, maxCount: 1).isEmpty)
        #expect(try await ConcatenatedSource([source, source]).read(at: 6, maxCount: 1).isEmpty)
    }
}
