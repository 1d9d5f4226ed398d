// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPWire
import Settings
package import Store

/// A message ready for the queue, with the reports that its decisions cause.
package struct PreparedMessage: Sendable {
    package let message: NewMessage
    let reports: [NewMessage]
    package let summary: ProtectionSummary
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
            worker: worker,
            marks: marks
        )
        var summary = ProtectionSummary()
        var copies: [NewCopy] = []
        var troubled: [TroubledRecipient] = []
        for copy in plan.copies {
            summary.add(copy.protection)
            let content: Int
            let forwarder = copy.journey.forwarder
            var state = NewCopy.State.ready
            switch copy.protection {
            case .encrypt(let keys):
                // Encryption must not hold up the other sessions of this event loop.
                content = try await withTaskExecutorPreference(globalConcurrentExecutor) {
                    if copy.isNewMessage, let forwarder {
                        try await composer.encrypted(
                            forwarded(message, trace: header, by: forwarder, is8Bit: plan.outline.has8BitBody),
                            to: keys,
                            effective: copy.effective
                        )
                    } else {
                        try await composer.encrypted(
                            to: keys,
                            effective: copy.effective,
                            outline: plan.outline,
                            forwarder: forwarder
                        )
                    }
                }
            case .passThrough, .clear:
                content = try await composer.clear(forwarder: forwarder)
            case .hold(let sentence):
                content = try await composer.clear(forwarder: forwarder)
                state = .held(
                    .keyUnusable,
                    until: HeldCopies.nextLook(after: message.arrival, arrival: message.arrival, settings)
                )
                troubled.append(TroubledRecipient(plan: copy, trouble: .held(sentence)))
            case .refuse(let sentence):
                troubled.append(TroubledRecipient(plan: copy, trouble: .refused(sentence)))
                continue
            }
            copies.append(newCopy(copy, content: content, state: state, filter: message.filter))
        }
        let envelope = Self.envelope(of: message, is8Bit: plan.outline.has8BitBody)
        let reports = try await reports.reports(on: troubled, envelope: envelope, header: header, body: message.body)
        let new = NewMessage(id: message.id, envelope: envelope, contents: composer.contents, copies: copies)
        return PreparedMessage(message: new, reports: reports, summary: summary)
    }

    /// The message in which a forward sends on what nobody may alter.
    private func forwarded(
        _ message: IncomingMessage,
        trace: HeaderSection,
        by forwarder: EmailAddress,
        is8Bit: Bool
    ) -> CopyComposer.Wrapping {
        let forwarded = ForwardedMessage(hostname: settings.hostname, marks: marks, time: time)
        let has8BitHeader = message.header.bytes.contains { $0 >= 0x80 }
        return CopyComposer.Wrapping(
            header: forwarded.header(
                of: message,
                trace: trace,
                forwarder: forwarder,
                is8Bit: is8Bit || has8BitHeader
            ),
            body: ForwardedMessage.original(of: message)
        )
    }

    private func newCopy(_ plan: CopyPlan, content: Int, state: NewCopy.State, filter: String?) -> NewCopy {
        NewCopy(
            recipient: plan.address,
            dsn: CopyDSN(plan.recipient),
            content: content,
            state: state,
            protection: plan.protection.word,
            nextHopHint: hint(for: plan.address, filter: filter) ?? "",
            journey: plan.journey
        )
    }

    /// What groups copies on their way: for everything that came by a filter it is the filter.
    func hint(for address: EmailAddress, filter: String?) -> String? {
        filter.map { "filter " + $0 } ?? nextHopHint(address)
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
            body8Bit: is8Bit,
            filter: message.filter,
            tls: tlsWish(of: message)
        )
    }

    /// With REQUIRETLS the header field does not count (RFC 8689 §4.1).
    private static func tlsWish(of message: IncomingMessage) -> Envelope.TLSWish {
        if message.mail.requireTLS { return .required }
        let field = message.header.first("TLS-Required").map { String(decoding: $0.value, as: UTF8.self).lowercased() }
        return field == "no" ? .optional : .none
    }
}

extension CopyDSN {
    /// What the sender asked at `RCPT`.
    init(_ recipient: AcceptedRecipient) {
        self.init(notify: recipient.notify, originalRecipient: recipient.originalRecipient)
    }
}
