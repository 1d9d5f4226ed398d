// SPDX-License-Identifier: Apache-2.0

import Mail

/// A producer's chunks between a beginning and an end that are known.
struct AssembledProducer: ChunkProducer {
    private enum Stage { case prefix, middle, done }

    private let prefix: [UInt8]
    private var middle: any ChunkProducer
    private let suffix: [UInt8]
    private var stage = Stage.prefix

    init(prefix: [UInt8], middle: any ChunkProducer, suffix: [UInt8]) {
        self.prefix = prefix
        self.middle = middle
        self.suffix = suffix
    }

    mutating func next() async throws -> [UInt8]? {
        if stage == .prefix {
            stage = .middle
            if !prefix.isEmpty { return prefix }
        }
        if stage == .middle {
            if let chunk = try await middle.next() { return chunk }
            stage = .done
            if !suffix.isEmpty { return suffix }
        }
        return nil
    }
}

extension ChunkProducer {
    /// Everything that is left, in memory; for what is known to be small.
    consuming func collected() async throws -> [UInt8] {
        var producer = self
        var bytes: [UInt8] = []
        while let chunk = try await producer.next() { bytes += chunk }
        return bytes
    }
}
