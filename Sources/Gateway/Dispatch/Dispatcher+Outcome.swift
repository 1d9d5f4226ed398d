// SPDX-License-Identifier: Apache-2.0

import Delivery
import Mail
import Pipeline
import Privacy
import SMTPWire
import Store

/// A copy's end or next try, with the reports that it causes.
struct Settlement {
    var outcomes: [CopyOutcome] = []
    var reports: [NewMessage] = []
}

extension Dispatcher {
    /// How long a copy waits after an error of ours.
    private static let pauseAfterFault = Duration.seconds(300)
    private static let ownFault = "451 4.3.0 an error here; tried again later"

    /// What a delivery came to, before anything of it is written.
    enum Attempt {
        case results([DeliveryResult], content: any ByteSource)
        case fault(any Error)
        /// The copies were held: they were decided on anew instead, and settled.
        case reconsidered
    }

    /// Runs one delivery.
    func attempt(_ copies: [LeasedCopy]) async -> Attempt {
        // A copy that was held is clear inside, whatever state it is in now.
        guard let first = copies.first, first.protection != Pipeline.heldWord else {
            for copy in copies { await reconsider(copy) }
            return .reconsidered
        }
        let content = queue.content(of: first)
        do {
            guard let group = try await deliveryGroup(copies, content: content) else {
                // A filter that the settings have lost is the operator's mistake and not the sender's.
                let outcome = first.envelope.filter == nil ? .noRoute : DeliveryOutcome.noFilter
                let results = copies.indices.map { DeliveryResult(index: $0, outcome: outcome) }
                return .results(results, content: content)
            }
            return .results(await delivery.deliver(group), content: content)
        } catch {
            return .fault(error)
        }
    }

    /// Settles every copy of a delivery.
    func settle(_ attempt: Attempt, of copies: [LeasedCopy]) async {
        switch attempt {
        case .results(let results, let content): await settle(results, of: copies, content: content)
        case .fault(let error): await write(Settlement(outcomes: copies.compactMap { broken($0, error) }), of: copies)
        case .reconsidered: break
        }
    }

    private func settle(_ results: [DeliveryResult], of copies: [LeasedCopy], content: any ByteSource) async {
        var settlement = Settlement()
        var unsettled = Set(copies.indices)
        for result in results where unsettled.remove(result.index) != nil {
            let copy = copies[result.index]
            do {
                try await add(result.outcome, of: copy, content: content, to: &settlement)
            } catch {
                settlement.outcomes += [broken(copy, error)].compactMap { $0 }
            }
        }
        settlement.reports += await receipts(for: results, of: copies)
        await write(settlement, of: copies)
    }

    /// The receipt for what was delivered just now, where the sender asked for one.
    private func receipts(for results: [DeliveryResult], of copies: [LeasedCopy]) async -> [NewMessage] {
        var delivered: [LeasedCopy] = []
        var isFinal = false
        for result in results {
            guard case .delivered(let acceptance) = result.outcome, copies.indices.contains(result.index) else {
                continue
            }
            delivered.append(copies[result.index])
            isFinal = acceptance.host == nil
        }
        do {
            return [try await pipeline.reports.receipt(for: delivered, isFinal: isFinal)].compactMap { $0 }
        } catch {
            log.error("a receipt could not be made")
            return []
        }
    }

    /// What becomes of a copy that an error of ours kept from its end: set aside when it does not open, else tried
    /// again; nil when the gateway stops.
    private func broken(_ copy: LeasedCopy, _ error: any Error) -> CopyOutcome? {
        switch error {
        case StoreError.damaged:
            log.error("a copy could not be read and was set aside", .id("id", copy.id.message))
            return CopyOutcome(copy, .setAside)
        case StoreError.cancelled, StoreError.closed, is CancellationError:
            return nil
        default:
            log.error("a copy could not be worked on and waits", .id("id", copy.id.message))
            let next = time.wall() + Self.pauseAfterFault
            guard let hold = copy.hold else { return CopyOutcome(copy, .deferred(until: next, reply: Self.ownFault)) }
            return CopyOutcome(copy, .held(hold, until: next))
        }
    }

    /// Decides anew about a held copy.
    func reconsider(_ copy: LeasedCopy) async {
        do {
            if copy.hold == .byOperator {
                try await queue.settle([CopyOutcome(copy, .released)])
                return
            }
            let decision = try await pipeline.reconsider(copy)
            try await queue.settle([decision.outcome], alsoEnqueue: decision.messages)
        } catch {
            await write(Settlement(outcomes: [broken(copy, error)].compactMap { $0 }), of: [copy])
        }
    }

    private func write(_ settlement: Settlement, of copies: [LeasedCopy]) async {
        do {
            try await queue.settle(settlement.outcomes, alsoEnqueue: settlement.reports)
        } catch {
            log.error("outcomes could not be written; the copies will be tried again")
        }
        queue.giveBack(copies)
    }

    private func add(
        _ outcome: DeliveryOutcome,
        of copy: LeasedCopy,
        content: any ByteSource,
        to settlement: inout Settlement
    ) async throws {
        hops.note(outcome, of: copy)
        switch outcome {
        case .delivered(let acceptance):
            counters.add("copies delivered")
            let isFinal = acceptance.host == nil
            let facts = CopyFacts(status: "2.0.0", remoteMTA: acceptance.host?.exposed)
            if !acceptance.relayedDSN {
                do {
                    let report = try await pipeline.reports.success(of: copy, facts, isFinal: isFinal, content: content)
                    settlement.reports += [report].compactMap { $0 }
                } catch {
                    // What was delivered is never tried again for the sake of a report.
                    log.error("a report on a delivery could not be made", .id("id", copy.id.message))
                }
            }
            let reply = acceptance.reply.map { $0.sentence } ?? "in the mailbox"
            settlement.outcomes.append(CopyOutcome(copy, .delivered(reply: reply)))
        case .failed(let fault):
            counters.add("copies failed")
            log.notice("a copy failed", .id("id", copy.id.message), .word("cause", fault.cause))
            try await fail(copy, outcome.facts(fault), content: content, to: &settlement)
        case .deferred(let fault):
            counters.add("tries deferred")
            log.info("a copy was deferred", .id("id", copy.id.message), .word("cause", fault.cause))
            try await postpone(copy, outcome.facts(fault), content: content, to: &settlement)
        }
    }

    private func postpone(
        _ copy: LeasedCopy,
        _ facts: CopyFacts,
        content: any ByteSource,
        to settlement: inout Settlement
    ) async throws {
        let now = time.wall()
        let arrival = copy.triedSince
        var random = SystemRandomNumberGenerator()
        switch schedule.next(attempts: copy.attempts + 1, arrival: arrival, now: now, using: &random) {
        case .expired:
            var facts = facts
            facts.status = "4.4.7"
            facts.explanation = "The message could not be delivered in the time that we try."
            counters.add("copies expired")
            try await fail(copy, facts, content: content, to: &settlement)
        case .retry(let next):
            let warns = !copy.delayWarned && schedule.isLate(arrival: arrival, now: now)
            if warns, let report = try await pipeline.reports.delay(of: copy, facts, content: content) {
                settlement.reports.append(report)
            }
            let reply = facts.diagnostic ?? facts.explanation ?? facts.status
            settlement.outcomes.append(
                CopyOutcome(
                    copy,
                    .deferred(until: next, reply: reply, delayWarned: copy.delayWarned || warns)
                )
            )
        }
    }

    private func fail(
        _ copy: LeasedCopy,
        _ facts: CopyFacts,
        content: any ByteSource,
        to settlement: inout Settlement
    ) async throws {
        let (outcome, report) = try await pipeline.reports.failure(of: copy, facts, content: content)
        if case .discarded = outcome.result { counters.add("copies discarded") }
        settlement.outcomes.append(outcome)
        if let report { settlement.reports.append(report) }
    }
}

extension DeliveryOutcome {
    /// The outcome in the words of a report.
    func facts(_ fault: Fault) -> CopyFacts {
        CopyFacts(
            status: statusText,
            remoteMTA: fault.host?.exposed,
            diagnostic: fault.reply.map { $0.sentence },
            explanation: fault.reply == nil ? FaultSentence.sentence(for: fault) : nil
        )
    }
}

extension RemoteReply {
    /// Code and text on one line.
    ///
    /// Text from outside.
    fileprivate var sentence: String {
        ([String(code), enhanced?.text].compactMap { $0 } + lines).joined(separator: " ")
    }
}
