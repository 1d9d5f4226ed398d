// SPDX-License-Identifier: Apache-2.0

import Mail
import Store

/// A stored content as header and body again.
struct StoredMessage: Sendable {
    let header: HeaderSection
    let body: any ByteSource
    /// False for a message that is all header.
    let hasEmptyLine: Bool

    /// Reads the header.
    ///
    /// It has no limit here: it had one when the message came in, and what we wrote since may have made it longer.
    init(_ source: any ByteSource) async throws {
        var splitter = HeaderSplitter(limit: source.count)
        var offset = 0
        while offset < source.count {
            let chunk = try await source.read(at: offset, maxCount: 65_536)
            guard !chunk.isEmpty else { throw StoreError.damaged }
            switch splitter.consume(chunk[...]) {
            case .incomplete: offset += chunk.count
            case .complete(let bodyStart):
                header = HeaderSection(parsing: splitter.header)
                body = SourceTail(source, from: offset + bodyStart)
                hasEmptyLine = true
                return
            case .tooLarge: throw StoreError.damaged
            }
        }
        header = HeaderSection(parsing: splitter.header)
        body = MemorySource([])
        hasEmptyLine = false
    }
}

/// A source without its beginning.
struct SourceTail: ByteSource {
    private let source: any ByteSource
    private let start: Int

    init(_ source: any ByteSource, from start: Int) {
        self.source = source
        self.start = min(max(0, start), source.count)
    }

    var count: Int { source.count - start }

    func read(at offset: Int, maxCount: Int) async throws -> [UInt8] {
        guard offset >= 0, offset < count else { return [] }
        return try await source.read(at: start + offset, maxCount: maxCount)
    }
}
