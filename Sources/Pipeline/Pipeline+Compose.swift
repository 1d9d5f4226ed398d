// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPWire
import Settings
import Store

/// A message ready for the queue, with the reports that its decisions cause.
struct PreparedMessage {
    let message: NewMessage
    let reports: [NewMessage]
    let summary: ProtectionSummary
}

extension Pipeline {
    /// `protect`, second half: makes the bytes of each copy.
    func compose(_ plan: MessagePlan, of message: IncomingMessage, header: HeaderSection) async throws
        -> PreparedMessage
    {
        var composer = CopyComposer(
            header: header,
            body: message.body,
            hasEmptyLine: message.hasEmptyLine,
            now: plan.now,
            gatewayLabel: settings.protection.gatewayLabel,
            worker: worker
        )
        var summary = ProtectionSummary()
        var copies: [NewCopy] = []
        var troubled: [TroubledRecipient] = []
        for copy in plan.copies {
            summary.add(copy.protection)
            let content: Int
            var state = NewCopy.State.ready
            switch copy.protection {
            case .encrypt(let keys):
                content = try await withTaskExecutorPreference(globalConcurrentExecutor) {
                    try await composer.encrypted(to: keys, effective: copy.effective, outline: plan.outline)
                }
            case .passThrough:
                content = try await composer.clear()
            case .clear:
                content = try await composer.clear()
            case .hold(let sentence):
                content = try await composer.clear()
                state = .held(
                    .keyUnusable,
                    until: HeldCopies.nextLook(after: message.arrival, arrival: message.arrival, settings)
                )
                troubled.append(TroubledRecipient(plan: copy, trouble: .held(sentence)))
            case .refuse(let sentence):
                troubled.append(TroubledRecipient(plan: copy, trouble: .refused(sentence)))
                continue
            }
            copies.append(newCopy(copy, content: content, state: state))
        }
        let envelope = Self.envelope(of: message, is8Bit: plan.outline.has8BitBody)
        let reports = try await reports.reports(on: troubled, envelope: envelope, header: header, body: message.body)
        let new = NewMessage(id: message.id, envelope: envelope, contents: composer.contents, copies: copies)
        return PreparedMessage(message: new, reports: reports, summary: summary)
    }

    private func newCopy(_ plan: CopyPlan, content: Int, state: NewCopy.State) -> NewCopy {
        NewCopy(
            recipient: plan.address,
            dsn: CopyDSN(plan.recipient),
            content: content,
            state: state,
            protection: plan.protection.word,
            nextHopHint: nextHopHint(plan.address) ?? ""
        )
    }

    private static func envelope(of message: IncomingMessage, is8Bit: Bool) -> Envelope {
        Envelope(
            reversePath: message.mail.reversePath,
            origin: message.origin.isOurs ? .ours : .strangers,
            arrival: message.arrival,
            protocolName: message.protocolName,
            envelopeID: message.mail.envid,
            returnContent: message.mail.ret.map { $0 == .full ? .full : .headers },
            smtpUTF8: message.mail.smtpUTF8,
            body8Bit: is8Bit
        )
    }
}

extension CopyDSN {
    /// What the sender asked at `RCPT`.
    init(_ recipient: AcceptedRecipient) {
        self.init(notify: recipient.notify, originalRecipient: recipient.originalRecipient)
    }
}
