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
        var targets: [(AcceptedRecipient, EmailAddress)] = []
        var seen: Set<EmailAddress> = []
        for recipient in message.recipients {
            // Behind a filter the other server's aliases count, not ours.
            let addresses = message.filter == nil ? aliases.addresses(for: recipient.address) : [recipient.address]
            for address in addresses where seen.insert(address).inserted {
                targets.append((recipient, address))
            }
        }
        // Where nothing is encrypted too: a next hop must know whether the body needs 8BITMIME.
        let outline = try await Self.outline(of: message.body, header: header)
        let now = time.wall()
        var copies: [CopyPlan] = []
        for (recipient, address) in targets {
            let protection = try await rules.protection(
                for: address,
                existing: outline.existingEncryption,
                at: now
            )
            copies.append(
                CopyPlan(
                    recipient: recipient,
                    address: address,
                    effective: rules.effective(for: address),
                    protection: protection
                )
            )
        }
        return MessagePlan(copies: copies, now: now, outline: outline)
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
        var isClearCounted = false
        for copy in plan.copies {
            switch copy.protection {
            case .encrypt: bytes += CopyComposer.expandedSize(of: message.body.count)
            case .refuse: break
            case .passThrough, .clear, .hold:
                bytes += isClearCounted ? 0 : message.body.count
                isClearCounted = true
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
