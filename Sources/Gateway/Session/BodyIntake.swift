// SPDX-License-Identifier: Apache-2.0

import Mail
import NIOCore
import SMTPWire
import Store

/// Takes in the content of one message: finds the end of the header, keeps the body in a spool, and remembers the
/// first thing that went wrong, so that the rest can be swallowed and answered once.
struct BodyIntake {
    /// The first thing that went wrong; what comes after it is thrown away.
    private(set) var failure: Reply?
    private var splitter: HeaderSplitter
    private var spool: BodySpool?
    private var taken = 0
    private let maxBytes: Int

    init(maxBytes: Int, maxHeaderBytes: Int, spool: BodySpool) {
        self.maxBytes = maxBytes
        self.spool = spool
        splitter = HeaderSplitter(limit: maxHeaderBytes)
    }

    private init(failure: Reply) {
        self.failure = failure
        maxBytes = 0
        spool = nil
        splitter = HeaderSplitter(limit: 0)
    }

    /// Swallows a chunk that was refused before it came.
    static func discarding(reply: Reply) -> BodyIntake { BodyIntake(failure: reply) }

    /// How many bytes of content came so far.
    var count: Int { taken }

    mutating func take(_ buffer: ByteBuffer) async {
        guard failure == nil else { return }
        taken += buffer.readableBytes
        guard taken <= maxBytes else { return fail(.messageTooLarge) }
        let bytes = Array(buffer.readableBytesView)
        if splitter.isComplete { return await append(bytes[...]) }
        switch splitter.consume(bytes[...]) {
        case .incomplete: break
        case .tooLarge: fail(.headerTooLarge)
        case .complete(let start): await append(bytes[start...])
        }
    }

    /// The header and the body once all has come; nil after a failure.
    mutating func finish() async -> (header: HeaderSection, body: any ByteSource, hasEmptyLine: Bool)? {
        guard failure == nil, let spool else { return nil }
        do {
            return (HeaderSection(parsing: splitter.header), try await spool.finish(), splitter.isComplete)
        } catch {
            fail(error == .full ? .insufficientStorage : .localError)
            return nil
        }
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) async {
        guard !bytes.isEmpty else { return }
        do {
            try await spool?.append(bytes)
        } catch {
            fail(error == .full || error == .overBudget ? .insufficientStorage : .localError)
        }
    }

    private mutating func fail(_ reply: Reply) {
        failure = failure ?? reply
        spool = nil
    }
}
