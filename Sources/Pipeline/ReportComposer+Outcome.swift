// SPDX-License-Identifier: Apache-2.0

package import Mail
import Privacy
import Settings
package import Store

/// What the other side, or we, said about one copy, as a report tells it.
package struct CopyFacts: Sendable {
    /// With its class: `5.1.1`.
    package var status: String
    package var remoteMTA: String?
    package var diagnostic: String?
    package var explanation: String?

    package init(
        status: String,
        remoteMTA: String? = nil,
        diagnostic: String? = nil,
        explanation: String? = nil
    ) {
        self.status = status
        self.remoteMTA = remoteMTA
        self.diagnostic = diagnostic
        self.explanation = explanation
    }
}

extension ReportComposer {
    /// How long an operator can read a discarded copy.
    package static let discardedFor = Duration.seconds(7 * 86_400)

    /// The end of a copy that can't be delivered: gone with a report, or, where none may be sent, a sealed discard.
    package func failure(
        of copy: LeasedCopy,
        _ facts: CopyFacts,
        content: any ByteSource
    ) async throws -> (outcome: CopyOutcome, report: NewMessage?) {
        let reply = facts.diagnostic ?? facts.explanation ?? facts.status
        let discard = CopyOutcome(copy, .discarded(until: time.wall() + Self.discardedFor, reply: reply))
        guard canTellFailure(to: copy.envelope.reversePath, filter: copy.envelope.filter, dsn: copy.dsn) else {
            return (discard, nil)
        }
        let report = try await report(.failed, of: copy, facts, content: content)
        return report.map { (CopyOutcome(copy, .failed(reply: reply)), $0) } ?? (discard, nil)
    }

    /// Whether the end of a copy can be told: there is a sender, with a route to it, who did not ask us to keep silent.
    func canTellFailure(to sender: ReversePath, filter: String?, dsn: CopyDSN) -> Bool {
        guard dsn.wantsFailure, let address = sender.address else { return false }
        return wayBack(to: address, filter: filter) != nil
    }

    /// What groups reports to a sender on their way; nil when no way leads there.
    ///
    /// What came by a filter of our own users' mail is reported by the same way. Strangers whose mail came by a filter are
    /// told in their session or not at all: their address may be forged.
    func wayBack(to sender: EmailAddress, filter: String?) -> String? {
        guard let filter else { return nextHopHint(sender) }
        return filter.hasPrefix(FilterSettings.Direction.outbound.rawValue + " ") ? "filter " + filter : nil
    }

    /// The one warning that a message is late; nil when nobody wants it.
    package func delay(
        of copy: LeasedCopy,
        _ facts: CopyFacts,
        content: any ByteSource
    ) async throws -> NewMessage? {
        copy.dsn.wantsDelay ? try await report(.delayed, of: copy, facts, content: content) : nil
    }

    /// The success report that a sender asked for; `relayed` when it went on to a server that reports nothing itself.
    package func success(
        of copy: LeasedCopy,
        _ facts: CopyFacts,
        isFinal: Bool,
        content: any ByteSource
    ) async throws -> NewMessage? {
        guard copy.dsn.wantsSuccess else { return nil }
        return try await report(isFinal ? .delivered : .relayed, of: copy, facts, content: content)
    }

    private func report(
        _ action: DeliveryReport.Action,
        of copy: LeasedCopy,
        _ facts: CopyFacts,
        content: any ByteSource
    ) async throws -> NewMessage? {
        guard copy.envelope.reversePath != .null else { return nil }
        let stored = try await StoredMessage(content)
        let isClear = copy.protection.hasPrefix("clear") || copy.protection.hasPrefix("dry-run")
        let wantsBody = action == .failed && isClear && copy.envelope.returnContent != .headers
        let subject = Subject(
            envelope: copy.envelope,
            header: stored.header,
            body: wantsBody ? stored.body : nil,
            isProtected: !isClear
        )
        // Where an alias leads is nobody's business; the other side's words may name it.
        let isBehindAlias = copy.journey.written != nil
        let recipient = DeliveryReport.Recipient(
            original: copy.dsn.originalRecipient,
            final: copy.journey.written ?? copy.recipient,
            action: action,
            status: facts.status,
            remoteMTA: isBehindAlias ? nil : facts.remoteMTA,
            diagnostic: isBehindAlias ? nil : facts.diagnostic,
            willRetryUntil: (copy.triedSince + settings.delivery.expireAfter).seconds,
            explanation: isBehindAlias && facts.diagnostic != nil
                ? "The address sends its mail on, and the place it leads to did not take the message."
                : facts.explanation
        )
        return try await report(action, on: subject, recipients: [recipient])
    }
}
