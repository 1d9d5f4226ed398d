// SPDX-License-Identifier: Apache-2.0

import Delivery
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
            if failure == .messageTooLarge { services.counters.reached(limit: "message_bytes") }
            if failure == .headerTooLarge { services.counters.reached(limit: "header_bytes") }
            // After a failed chunk the whole transaction is over (RFC 3030 section 2); its other chunks get 503.
            let replies = last ? answers(failure) : [failure]
            endTransaction()
            return await say(replies)
        }
        guard last else {
            connection.reply(.chunkOK(intake?.count ?? 0))
            return true
        }
        let replies = await deliver()
        endTransaction()
        return await say(replies)
    }

    /// The answers to a message; with LMTP a refusal of one recipient is nothing that the client did wrong.
    private mutating func say(_ replies: [Reply]) async -> Bool {
        if !state.speaksLMTP, let reply = replies.last, !reply.isPositive { return await refuse(reply) }
        connection.reply(replies)
        return true
    }

    /// Hands the message to the pipeline.
    ///
    /// `250` only when it is durable, here or at the next hop. One reply, or with LMTP one for each recipient (RFC 2033
    /// section 4.2).
    private mutating func deliver() async -> [Reply] {
        guard let transaction = state.transaction else { return [.badSequence] }
        guard let content = await intake?.finish() else { return answers(intake?.failure ?? .localError) }
        var header = content.header
        if let caller = state.caller { header = services.callers.completed(header, from: caller) }
        let message = IncomingMessage(
            id: MessageID(),
            origin: state.origin,
            mail: transaction.mail,
            recipients: transaction.recipients,
            header: header,
            body: content.body,
            hasEmptyLine: content.hasEmptyLine,
            protocolName: state.protocolName,
            arrival: services.time.wall(),
            filter: state.filter?.name
        )
        if let filter = state.filter, filter.direction == .inbound { return await passOn(message, by: filter) }
        let acceptance = await services.pipeline.accept(message)
        if case .accepted = acceptance, let charge = transaction.charge {
            state.transaction?.charge = nil
            await services.sending.count(charge)
        }
        count(acceptance, of: message)
        return answers(AcceptanceReply.reply(to: acceptance, id: message.id, tellsOutcome: state.account != nil))
    }

    /// The same answer for everybody.
    private func answers(_ reply: Reply) -> [Reply] {
        guard state.speaksLMTP, let recipients = state.transaction?.recipients, !recipients.isEmpty else {
            return [reply]
        }
        return recipients.map { _ in reply }
    }

    /// Hands a stranger's message on to the filter's next hop before it is answered.
    private func passOn(_ message: IncomingMessage, by filter: FilterSettings) async -> [Reply] {
        let prepared: PreparedMessage
        switch await services.pipeline.prepare(message) {
        case .success(let made): prepared = made
        case .failure(let refusal):
            services.counters.add("messages refused")
            return answers(AcceptanceReply.reply(to: refusal))
        }
        do {
            let result = try await services.passage.attempt(prepared.message, by: filter, client: state.client)
            let taken = result.outcomes.count { $0.isDelivered }
            services.counters.add("copies passed on", taken)
            for (word, number) in prepared.summary.counts { services.counters.add(word, number) }
            log.info("message passed on", .id("id", message.id), .count("recipients", taken))
            if state.speaksLMTP { return replies(to: result.outcomes, of: prepared.message, for: message) }
            if taken > 0, taken < result.outcomes.count {
                try await services.passage.keepRest(of: prepared.message, after: result)
            }
            return [PassageReply.reply(to: result.outcomes, id: message.id)]
        } catch {
            log.error("a message could not be passed on", .id("id", message.id))
            return answers(.localError)
        }
    }

    /// One for each `RCPT`, in its order; who was named twice has one copy and hears of it twice.
    private func replies(
        to outcomes: [DeliveryOutcome],
        of prepared: NewMessage,
        for message: IncomingMessage
    ) -> [Reply] {
        message.recipients.map { recipient in
            guard let index = prepared.copies.firstIndex(where: { $0.recipient == recipient.address }) else {
                return .localError
            }
            return PassageReply.reply(to: outcomes[index], id: message.id)
        }
    }

    private func count(_ acceptance: Acceptance, of message: IncomingMessage) {
        switch acceptance {
        case .accepted(let summary):
            services.counters.add("messages accepted")
            for (word, number) in summary.counts { services.counters.add(word, number) }
            log.info("message accepted", .id("id", message.id), .count("recipients", message.recipients.count))
        case .refused(let refusal):
            services.counters.add("messages refused")
            if let limit = refusal.limit { services.counters.reached(limit: limit) }
            if refusal == .noKey || refusal == .keyUnusable {
                services.counters.add("copies refused", message.recipients.count)
            }
            log.info("message refused after end-of-data")
        }
    }
}

extension Refusal {
    /// The setting whose limit was reached.
    fileprivate var limit: String? {
        switch self {
        case .tooManyHops, .filteredBefore: "hops"
        case .expandsTooFar: "expanded_bytes"
        case .tooManyHeld: "hold"
        case .storeFull: "disk"
        case .noFrom, .noHeaderEnd, .fromNotYours, .keyUnusable, .noKey, .authorPolicyUnknown, .unavailable: nil
        }
    }
}
