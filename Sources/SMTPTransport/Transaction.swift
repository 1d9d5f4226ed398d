// SPDX-License-Identifier: Apache-2.0

import Mail
import SMTPWire

/// The state of one outgoing transaction: what is known of each recipient so far.
struct Transaction {
    let outgoing: OutgoingEnvelope
    let content: any ByteSource
    /// By place in the envelope; `nil` while open.
    var results: [RecipientResult?]
    /// The content in its wire form (as one chunk, or dot-stuffed with its end), when it is small.
    private(set) var loaded: [UInt8]?
    var stage = ClientStage.mail
    private(set) var mailIsAccepted = false
    private var accepted: Set<Int> = []

    init(_ envelope: ClientEnvelope, content: any ByteSource, extensions: ServerExtensions) {
        self.outgoing = OutgoingEnvelope(envelope, size: content.count, extensions: extensions)
        self.content = content
        self.results = (0..<envelope.recipients.count).map { [outgoing] in
            outgoing.unsupported[$0].map { .unsupported($0) }
        }
    }

    /// Recipients that were accepted at RCPT and have no result yet, in order.
    var acceptedIndices: [Int] { accepted.filter { results[$0] == nil }.sorted() }
    var hasAccepted: Bool { accepted.contains { results[$0] == nil } }

    /// Reads small content into memory and checks it before a word is sent.
    mutating func load(asChunk: Bool) async throws(ContentFailure) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count)
        while bytes.count < content.count {
            let block: [UInt8]
            do {
                block = try await content.read(at: bytes.count, maxCount: content.count - bytes.count)
            } catch {
                throw ContentFailure(result: .unreadableContent)
            }
            guard !block.isEmpty, block.count <= content.count - bytes.count else {
                throw ContentFailure(result: .unreadableContent)
            }
            if bytes.isEmpty { bytes = block } else { bytes += block }
        }
        var encoder = ContentEncoder(asChunk: asChunk)
        do throws(ContentFailure) {
            loaded = try encoder.encode(bytes, isLast: true)
        } catch {
            throw ContentFailure(result: error.result)
        }
    }

    mutating func took(mail reply: RemoteReply) {
        mailIsAccepted = reply.isSuccess
        if !mailIsAccepted { settle(.refused(reply, .mail)) }
    }

    mutating func took(_ reply: RemoteReply, for index: Int) {
        guard results[index] == nil else { return }
        if reply.isSuccess { accepted.insert(index) } else { results[index] = .refused(reply, .rcpt) }
    }

    /// Gives every open recipient this result.
    mutating func settle(_ result: RecipientResult) {
        for index in results.indices where results[index] == nil { results[index] = result }
    }

    func result(isConnectionUsable: Bool) -> TransactionResult {
        TransactionResult(
            recipients: results.map { $0 ?? .broken(.lost(stage)) },
            isConnectionUsable: isConnectionUsable
        )
    }

    func end(with result: RecipientResult, isConnectionUsable: Bool) -> TransactionResult {
        var ended = self
        ended.settle(result)
        return ended.result(isConnectionUsable: isConnectionUsable)
    }

    func end(with error: ContentFailure, isConnectionUsable: Bool) -> TransactionResult {
        end(with: error.result, isConnectionUsable: isConnectionUsable)
    }
}

/// Content that cannot be sent, and what that means for its recipients.
struct ContentFailure: Error {
    let result: RecipientResult
}

/// Content in its wire form: unchanged for BDAT, dot-stuffed for DATA; CRLF checked either way.
struct ContentEncoder {
    private let asChunk: Bool
    private var check = LineEndingCheck()
    private var stuffer = DotStuffer()

    init(asChunk: Bool) { self.asChunk = asChunk }

    mutating func encode(_ block: [UInt8], isLast: Bool) throws(ContentFailure) -> [UInt8] {
        do throws(LineEndingFlaw) {
            if asChunk {
                try check.consume(block[...])
                if isLast { try check.finish() }
                return block
            }
            var output: [UInt8] = []
            try stuffer.encode(block[...], into: &output)
            if isLast { try stuffer.finish(into: &output) }
            return output
        } catch {
            throw ContentFailure(result: .flawedContent(error))
        }
    }
}
