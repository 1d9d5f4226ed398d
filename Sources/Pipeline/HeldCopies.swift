// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import Settings
package import Store

/// What becomes of a held copy when it is looked at again.
package struct Reconsideration: Sendable {
    package let outcome: CopyOutcome
    /// The new copy, or the report; enqueued in the transaction that settles the outcome.
    package let messages: [NewMessage]
}

extension Pipeline {
    /// The word for copies whose bytes are clear and must not leave as they are.
    package static let heldWord = Protection.hold("").word

    /// Decides anew about a copy that waits for a usable key: the only way out of being held.
    @concurrent
    package func reconsider(_ copy: LeasedCopy) async throws -> Reconsideration {
        let source = queue.content(of: copy)
        let stored = try await StoredMessage(source)
        let outline = try await Self.outline(of: stored.body, header: stored.header)
        let now = time.wall()
        let protection = try await rules.protection(
            for: copy.recipient,
            existing: outline.existingEncryption,
            at: now
        )
        var composer = CopyComposer(
            header: stored.header,
            body: stored.body,
            hasEmptyLine: stored.hasEmptyLine,
            now: now,
            gatewayLabel: settings.protection.gatewayLabel,
            worker: worker
        )
        switch protection {
        case .encrypt(let keys):
            let effective = rules.effective(for: copy.recipient)
            let content = try await composer.encrypted(to: keys, effective: effective, outline: outline)
            return replacement(of: copy, content: composer.contents[content], protection: protection)
        case .clear, .passThrough:
            let content = try await composer.clear()
            return replacement(of: copy, content: composer.contents[content], protection: protection)
        case .refuse(let sentence):
            return try await givenUp(copy, because: sentence, content: source)
        case .hold(let sentence):
            if now >= copy.envelope.arrival + settings.protection.holdFor {
                return try await givenUp(copy, because: sentence, content: source)
            }
            let next = HeldCopies.nextLook(after: now, arrival: copy.envelope.arrival, settings)
            let outcome = CopyOutcome(copy, .held(.keyUnusable, until: next, reply: sentence, delayWarned: true))
            return Reconsideration(outcome: outcome, messages: [])
        }
    }

    private func replacement(of copy: LeasedCopy, content: NewContent, protection: Protection) -> Reconsideration {
        let new = NewCopy(
            recipient: copy.recipient,
            dsn: copy.dsn,
            protection: protection.word,
            nextHopHint: hint(for: copy.recipient, filter: copy.envelope.filter) ?? "",
            journey: copy.journey
        )
        var envelope = copy.envelope
        envelope.released = time.wall()
        let message = NewMessage(envelope: envelope, contents: [content], copies: [new])
        return Reconsideration(outcome: CopyOutcome(copy, .replaced(by: message.id)), messages: [message])
    }

    private func givenUp(
        _ copy: LeasedCopy,
        because sentence: String,
        content: any ByteSource
    ) async throws -> Reconsideration {
        let facts = CopyFacts(status: "5.7.1", explanation: sentence)
        let (outcome, report) = try await reports.failure(of: copy, facts, content: content)
        return Reconsideration(outcome: outcome, messages: report.map { [$0] } ?? [])
    }
}

/// When a held copy is looked at.
enum HeldCopies {
    /// Twice a day, and at the end of the wait.
    ///
    /// A new key is not waited for: importing one releases at once.
    static func nextLook(after now: WallTime, arrival: WallTime, _ settings: PosternSettings) -> WallTime {
        min(now + .seconds(12 * 3600), max(now + .seconds(1), arrival + settings.protection.holdFor))
    }
}
