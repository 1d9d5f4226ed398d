// SPDX-License-Identifier: Apache-2.0

import Accounts
import Mail
import OpenPGP
import Privacy
import SMTPWire
import Settings
import Store

/// What was decided for one copy, before any byte of it exists.
struct CopyPlan: Sendable {
    let recipient: AcceptedRecipient
    /// Where the copy goes; differs from the written address behind an alias.
    let address: EmailAddress
    let effective: ProtectionSettings.Effective
    let protection: Protection
    let journey: CopyJourney
    /// The author's domain lets nobody alter its mail, so that the encrypted copy is a message of our own.
    let isNewMessage: Bool
}

/// The decisions for one message.
struct MessagePlan: Sendable {
    let copies: [CopyPlan]
    /// When it was decided which keys are live.
    let now: WallTime
    let outline: MIMEOutline
}

extension Pipeline {
    /// `protect`, first half: one decision per recipient, aliases expanded, nobody twice.
    func plan(_ message: IncomingMessage, header: HeaderSection) async throws -> MessagePlan {
        let targets = try await targets(of: message)
        // Where nothing is encrypted too: a next hop must know whether the body needs 8BITMIME.
        let outline = try await Self.outline(of: message.body, header: header)
        let now = time.wall()
        let wantsReceipt = Receipt.isWished(for: message)
        var authorPolicy: AuthorPolicy?
        var copies: [CopyPlan] = []
        for (recipient, target) in targets {
            let address = target.address
            let protection = try await rules.protection(
                for: address,
                existing: outline.existingEncryption,
                at: now
            )
            var isNewMessage = false
            if case .encrypt = protection, target.isForward, !message.origin.isOurs {
                let policy: AuthorPolicy
                if let authorPolicy { policy = authorPolicy } else { policy = try await askAuthors(of: message) }
                authorPolicy = policy
                isNewMessage = policy == .unaltered
            }
            copies.append(
                CopyPlan(
                    recipient: recipient,
                    address: address,
                    effective: rules.effective(for: address),
                    protection: protection,
                    journey: CopyJourney(
                        written: address == recipient.address ? nil : recipient.address,
                        isForward: target.isForward,
                        wantsReceipt: wantsReceipt
                    ),
                    isNewMessage: isNewMessage
                )
            )
        }
        return MessagePlan(copies: copies, now: now, outline: outline)
    }

    /// Everybody who gets a copy, once; a forward that the message has been through ends it.
    private func targets(of message: IncomingMessage) async throws -> [(AcceptedRecipient, AliasExpansion.Destination)]
    {
        guard message.header.fields(ForwardMarks.field).count <= settings.limits.hops else {
            throw Refusal.tooManyHops
        }
        var targets: [(AcceptedRecipient, AliasExpansion.Destination)] = []
        var seen: Set<EmailAddress> = []
        for recipient in message.recipients {
            // Behind a filter the other server's aliases count, not ours.
            let destinations =
                message.filter == nil
                ? try await aliases.destinations(for: recipient.address)
                : [AliasExpansion.Destination(address: recipient.address, isForward: false)]
            for target in destinations where seen.insert(target.address).inserted {
                if target.isForward, marks.isMarked(message.header, by: recipient.address) {
                    throw Refusal.tooManyHops
                }
                targets.append((recipient, target))
            }
        }
        return targets
    }

    /// Whether the authors' domains bear that their mail is altered on its way.
    private enum AuthorPolicy {
        case alterable, unaltered
    }

    /// A look-up that fails refuses the message for now: what is then sent on would be thrown away, or clear.
    private func askAuthors(of message: IncomingMessage) async throws -> AuthorPolicy {
        let authors = message.header.fields("From").flatMap { Mailboxes.parse($0.value) }
        var isUnaltered = false
        // More than ten authors are nobody's mail; the first ten decide.
        for domain in Set(authors.prefix(10).map(\.domain)) where !settings.isOwn(domain) {
            switch await dmarc.policy(of: domain) {
            case .absent, .policy(.none): break
            case .policy: isUnaltered = true
            case .unknown: throw Refusal.authorPolicyUnknown
            }
        }
        return isUnaltered ? .unaltered : .alterable
    }

    static func outline(of body: any ByteSource, header: HeaderSection) async throws -> MIMEOutline {
        var outliner = MIMEOutliner(header: header)
        var producer = SourceProducer(body)
        while let chunk = try await producer.next() { outliner.consume(chunk[...]) }
        return outliner.finish()
    }

    /// What refuses a whole message in the session, before anything is made.
    func refuse(_ plan: MessagePlan, of message: IncomingMessage) throws {
        if !message.origin.isOurs {
            for copy in plan.copies {
                if case .hold = copy.protection { throw Refusal.keyUnusable }
                if case .refuse = copy.protection { throw Refusal.noKey }
            }
        }
        let refused = plan.copies.filter { if case .refuse = $0.protection { true } else { false } }
        // What a report can't tell the sender later is told now; so is that nothing is left to send.
        if !refused.isEmpty, refused.count == plan.copies.count || !refused.allSatisfy({ canReport($0, of: message) }) {
            throw Refusal.noKey
        }
        var bytes = 0
        var clear: Set<EmailAddress?> = []
        for copy in plan.copies {
            switch copy.protection {
            case .encrypt: bytes += CopyComposer.expandedSize(of: message.body.count)
            case .refuse: break
            case .passThrough, .clear, .hold:
                bytes += clear.insert(copy.journey.forwarder).inserted ? message.body.count : 0
            }
        }
        guard bytes <= settings.limits.expandedBytes else { throw Refusal.expandsTooFar }
        let held = plan.copies.count { if case .hold = $0.protection { true } else { false } }
        if held > 0 {
            let limit = settings.protection
            guard
                queue.mayHold(
                    copies: held,
                    bytes: message.body.count,
                    quotaCopies: limit.holdMessages,
                    quotaBytes: limit.holdBytes
                )
            else { throw Refusal.tooManyHeld }
        }
    }

    private func canReport(_ copy: CopyPlan, of message: IncomingMessage) -> Bool {
        reports.canTellFailure(
            to: message.mail.reversePath,
            filter: message.filter,
            dsn: CopyDSN(copy.recipient)
        )
    }
}
