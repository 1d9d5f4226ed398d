// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPWire
import Settings
import Store

/// A recipient whose copy does not leave at once, known at acceptance.
struct TroubledRecipient {
    enum Trouble {
        /// It waits for a usable key.
        case held(String)
        /// It was not taken.
        case refused(String)
    }

    let plan: CopyPlan
    let trouble: Trouble
}

extension ReportComposer {
    /// The reports that a message's own decisions cause: one for what waits, one for what was not taken.
    func reports(
        on troubled: [TroubledRecipient],
        envelope: Envelope,
        header: HeaderSection,
        body: any ByteSource
    ) async throws -> [NewMessage] {
        let subject = Subject(
            envelope: envelope,
            header: header,
            body: envelope.returnContent == .headers ? nil : body,
            isProtected: true
        )
        var delayed: [DeliveryReport.Recipient] = []
        var failed: [DeliveryReport.Recipient] = []
        for recipient in troubled {
            let dsn = CopyDSN(recipient.plan.recipient)
            switch recipient.trouble {
            case .held(let sentence) where dsn.wantsDelay:
                delayed.append(
                    DeliveryReport.Recipient(
                        original: dsn.originalRecipient,
                        final: recipient.plan.journey.written ?? recipient.plan.address,
                        action: .delayed,
                        status: "4.7.0",
                        willRetryUntil: (envelope.arrival + settings.protection.holdFor).seconds,
                        explanation: "The message waits, because the recipient's key can't be used. " + sentence
                            + " It leaves by itself once the recipient's new key is known."
                    )
                )
            case .refused(let sentence) where dsn.wantsFailure:
                failed.append(
                    DeliveryReport.Recipient(
                        original: dsn.originalRecipient,
                        final: recipient.plan.journey.written ?? recipient.plan.address,
                        action: .failed,
                        status: "5.7.1",
                        explanation: sentence
                    )
                )
            case .held, .refused: break
            }
        }
        return [
            try await report(.delayed, on: subject, recipients: delayed),
            try await report(.failed, on: subject, recipients: failed),
        ].compactMap { $0 }
    }
}

extension CopyDSN {
    /// RFC 3461 section 4.1: failures are reported unless the sender said otherwise.
    package var wantsFailure: Bool { notify.map { $0.contains(.failure) } ?? true }
    package var wantsDelay: Bool { notify.map { $0.contains(.delay) } ?? true }
    package var wantsSuccess: Bool { notify.map { $0.contains(.success) } ?? false }
}
