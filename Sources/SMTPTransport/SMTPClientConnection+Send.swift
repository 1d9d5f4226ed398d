// SPDX-License-Identifier: Apache-2.0

package import Mail
import NIOCore
import SMTPWire

extension SMTPClientConnection {
    /// Content up to this size goes from memory, and with CHUNKING in the same write as its envelope.
    private static let smallContent = 131_072
    private static let blockSize = 65_536

    /// Sends one message: pipelined and as BDAT where that is offered, with SIZE, BODY, SMTPUTF8 and the DSN
    /// parameters where they are.
    ///
    /// Content must have CRLF line ends; a bare CR or LF never leaves, and fails the transaction.
    ///
    /// Never throws: what went wrong is in the result of each recipient it went wrong for.
    package func send(_ envelope: ClientEnvelope, content: any ByteSource) async -> TransactionResult {
        var transaction = Transaction(envelope, content: content, extensions: extensions)
        guard transaction.outgoing.mail != nil else { return transaction.result(isConnectionUsable: isUsable) }
        guard isUsable else { return transaction.end(with: .broken(.lost(.mail)), isConnectionUsable: false) }
        if content.count <= Self.smallContent {
            do {
                try await transaction.load(asChunk: extensions.chunking)
            } catch {
                return transaction.end(with: error, isConnectionUsable: isUsable)
            }
        }
        do {
            try await carry(&transaction)
        } catch let error as ClientError {
            // A server that closes often says why first.
            let isRefusal = handler.takeReplies().last { !$0.isSuccess && !$0.isIntermediate }
            abandon()
            transaction.settle(isRefusal.map { .refused($0, transaction.stage) } ?? .broken(error))
        } catch {
            abandon()
            transaction.settle(.broken(.lost(transaction.stage)))
        }
        countTransaction()
        return transaction.result(isConnectionUsable: isUsable)
    }

    private func carry(_ transaction: inout Transaction) async throws {
        let canPipeline = extensions.pipelining
        let sendsChunkAlong = canPipeline && extensions.chunking && transaction.loaded != nil
        let sendsDataAlong = canPipeline && !extensions.chunking
        if canPipeline {
            try await sendPipelined(&transaction, withChunk: sendsChunkAlong, withData: sendsDataAlong)
        } else {
            try await sendOneByOne(&transaction)
        }
        if sendsChunkAlong {
            try await finish(&transaction)
        } else if extensions.chunking {
            guard transaction.hasAccepted else {
                needsReset = true
                return
            }
            try await sendContent(&transaction, asChunk: true)
        } else if transaction.hasAccepted || sendsDataAlong {
            try await sendData(&transaction, isSentAlready: sendsDataAlong)
        } else {
            needsReset = true
        }
    }

    // MARK: - Envelope

    private func sendPipelined(_ transaction: inout Transaction, withChunk: Bool, withData: Bool) async throws {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(512 + (withChunk ? transaction.loaded?.count ?? 0 : 0))
        let owesReset = needsReset
        if owesReset { bytes.writeString("RSET\r\n") }
        for line in transaction.outgoing.forwarded { bytes.writeString(line) }
        bytes.writeString(transaction.outgoing.mail ?? "")
        for rcpt in transaction.outgoing.rcpts { bytes.writeString(rcpt.line) }
        if withChunk, let loaded = transaction.loaded {
            bytes.writeString("BDAT \(loaded.count) LAST\r\n")
            bytes.writeBytes(loaded)
        } else if withData {
            bytes.writeString("DATA\r\n")
        }
        handler.send(bytes)
        if owesReset {
            _ = try await awaitReplies(1, .reset, timeouts.command, &transaction)
            needsReset = false
        }
        // Who does not want to hear of the client gets the mail all the same.
        let forwarded = transaction.outgoing.forwarded.count
        if forwarded > 0 { _ = try await awaitReplies(forwarded, .mail, timeouts.mail, &transaction) }
        transaction.took(mail: try await awaitReplies(1, .mail, timeouts.mail, &transaction)[0])
        let replies = try await awaitReplies(transaction.outgoing.rcpts.count, .rcpt, timeouts.rcpt, &transaction)
        for (rcpt, reply) in zip(transaction.outgoing.rcpts, replies) { transaction.took(reply, for: rcpt.index) }
    }

    private func sendOneByOne(_ transaction: inout Transaction) async throws {
        if needsReset { _ = try await reset() }
        for line in transaction.outgoing.forwarded {
            handler.send(ByteBuffer(string: line))
            _ = try await awaitReplies(1, .mail, timeouts.mail, &transaction)
        }
        handler.send(ByteBuffer(string: transaction.outgoing.mail ?? ""))
        transaction.took(mail: try await awaitReplies(1, .mail, timeouts.mail, &transaction)[0])
        guard transaction.mailIsAccepted else { return }
        for rcpt in transaction.outgoing.rcpts {
            handler.send(ByteBuffer(string: rcpt.line))
            transaction.took(try await awaitReplies(1, .rcpt, timeouts.rcpt, &transaction)[0], for: rcpt.index)
        }
    }

    // MARK: - Content

    private func sendData(_ transaction: inout Transaction, isSentAlready: Bool) async throws {
        if !isSentAlready { handler.send(ByteBuffer(string: "DATA\r\n")) }
        let reply = try await awaitReplies(1, .data, timeouts.data, &transaction)[0]
        guard reply.code == 354 else {
            needsReset = true
            transaction.settle(.refused(reply, .data))
            return
        }
        guard transaction.hasAccepted else {
            // RFC 2920 §3.1: the server is waiting for content that nobody is to get.
            guard dialect == .smtp else { throw ClientError.unexpectedReply(.data) }
            handler.send(ByteBuffer(string: ".\r\n"))
            _ = try await awaitReplies(1, .end, timeouts.end, &transaction)
            return
        }
        try await sendContent(&transaction, asChunk: false)
    }

    private func sendContent(_ transaction: inout Transaction, asChunk: Bool) async throws {
        transaction.stage = .content
        if asChunk { handler.send(ByteBuffer(string: "BDAT \(transaction.content.count) LAST\r\n")) }
        if let loaded = transaction.loaded {
            handler.send(ByteBuffer(bytes: loaded))
            try await awaitWritable(.content)
        } else {
            do {
                try await streamContent(&transaction, asChunk: asChunk)
            } catch let error as ContentFailure {
                // The other side has part of a message that must never be completed.
                abandon()
                transaction.settle(error.result)
                return
            }
        }
        try await finish(&transaction)
    }

    private func streamContent(_ transaction: inout Transaction, asChunk: Bool) async throws {
        var encoder = ContentEncoder(asChunk: asChunk)
        var offset = 0
        let total = transaction.content.count
        while offset < total {
            let block: [UInt8]
            do {
                block = try await transaction.content.read(at: offset, maxCount: min(Self.blockSize, total - offset))
            } catch {
                throw ContentFailure(result: .unreadableContent)
            }
            guard !block.isEmpty, block.count <= total - offset else {
                throw ContentFailure(result: .unreadableContent)
            }
            offset += block.count
            handler.send(ByteBuffer(bytes: try encoder.encode(block, isLast: offset == total)))
            try await awaitWritable(.content)
        }
        if total == 0 { handler.send(ByteBuffer(bytes: try encoder.encode([], isLast: true))) }
    }

    /// Takes the answer to the end of content: one, or with LMTP one for each recipient that was accepted.
    private func finish(_ transaction: inout Transaction) async throws {
        let accepted = transaction.acceptedIndices
        let count = dialect == .lmtp ? max(1, accepted.count) : 1
        let replies = try await awaitReplies(count, .end, timeouts.end, &transaction)
        if accepted.isEmpty || replies.contains(where: { !$0.isSuccess }) { needsReset = true }
        for (position, index) in accepted.enumerated() {
            let reply = dialect == .lmtp ? replies[position] : replies[0]
            transaction.results[index] = reply.isSuccess ? .accepted(reply) : .refused(reply, .end)
        }
    }

    private func awaitReplies(
        _ count: Int,
        _ stage: ClientStage,
        _ timeout: Duration,
        _ transaction: inout Transaction
    ) async throws -> [RemoteReply] {
        transaction.stage = stage
        return try await awaitReplies(count, stage, timeout)
    }
}
