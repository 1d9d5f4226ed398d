// SPDX-License-Identifier: Apache-2.0

import Mail
import Pipeline
import Privacy
import SMTPTransport
import SMTPWire
import Settings
import Store

extension Session {
    mutating func beginData() -> Bool {
        intake = newIntake()
        connection.reply(.startMailInput, then: .body)
        return true
    }

    /// RFC 3030: the octets follow at once; the reply comes when they are all there.
    mutating func beginChunk(size: Int, last: Bool) {
        state.transaction?.isChunking = true
        if intake == nil { intake = newIntake() }
    }

    private func newIntake() -> BodyIntake {
        let limits = services.settings.limits
        return BodyIntake(
            maxBytes: limits.messageBytes,
            maxHeaderBytes: limits.headerBytes,
            spool: BodySpool(directory: services.spoolDirectory, budget: services.bodyMemory)
        )
    }

    /// The end of DATA, or of one BDAT chunk.
    ///
    /// False when the session is over.
    mutating func endOfBody(last: Bool) async -> Bool {
        if let failure = intake?.failure {
            // After a failed chunk the whole transaction is over (RFC 3030 section 2); its other chunks get 503.
            endTransaction()
            return await refuse(failure)
        }
        guard last else {
            connection.reply(.chunkOK(intake?.count ?? 0))
            return true
        }
        let reply = await deliver()
        endTransaction()
        if reply.isPositive {
            connection.reply(reply)
            return true
        }
        return await refuse(reply)
    }

    /// Hands the message to the pipeline.
    ///
    /// `250` only when it is durable.
    private mutating func deliver() async -> Reply {
        guard let transaction = state.transaction else { return .badSequence }
        guard let content = await intake?.finish() else { return intake?.failure ?? .localError }
        let message = IncomingMessage(
            id: MessageID(),
            origin: state.origin,
            mail: transaction.mail,
            recipients: transaction.recipients,
            header: content.header,
            body: content.body,
            hasEmptyLine: content.hasEmptyLine,
            protocolName: state.protocolName,
            arrival: services.time.wall()
        )
        let acceptance = await services.pipeline.accept(message)
        count(acceptance, of: message)
        return AcceptanceReply.reply(to: acceptance, id: message.id)
    }

    private func count(_ acceptance: Acceptance, of message: IncomingMessage) {
        switch acceptance {
        case .accepted(let summary):
            services.counters.add("messages accepted")
            for (word, number) in summary.counts { services.counters.add(word, number) }
            log.info("message accepted", .id("id", message.id), .count("recipients", message.recipients.count))
        case .refused:
            services.counters.add("messages refused")
            log.info("message refused after end-of-data")
        }
    }
}
