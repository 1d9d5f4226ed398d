// SPDX-License-Identifier: Apache-2.0

import Keyring
import Mail
import OpenPGP
import Privacy
import Settings
import Store

/// Makes delivery reports (RFC 3461, RFC 3464) as messages ready for the queue.
///
/// A report is never made for the null sender. What it returns of the message is encrypted to the sender when the
/// sender has a key; else it is the outer header alone.
package struct ReportComposer: Sendable {
    /// A body over this size is not returned.
    static let maxReturnedBytes = 1 << 20
    /// What the Subject may be repeated in; header protection leaves these out of the outer header, and so does a report.
    private static let tellingFields = [
        "Comments", "Keywords", "Thread-Topic", "Content-Description", "Content-Disposition",
    ]

    let settings: PosternSettings
    let rules: ProtectionRules
    let worker: WorkerClient
    let time: Time
    let nextHopHint: @Sendable (EmailAddress) -> String?

    /// What a report is about, apart from its recipients.
    struct Subject {
        let envelope: Envelope
        /// The header as it shows outside.
        let header: HeaderSection
        /// The body where it may be returned: readable, and asked for.
        let body: (any ByteSource)?
        /// Whether the copy was protected, or waits to be: then the Subject stays hidden.
        let isProtected: Bool
    }

    /// A report to the sender of `subject`; nil when there is nobody to tell, or no route to them.
    func report(
        _ kind: DeliveryReport.Action,
        on subject: Subject,
        recipients: [DeliveryReport.Recipient]
    ) async throws -> NewMessage? {
        guard let sender = subject.envelope.reversePath.address,
            let hint = wayBack(to: sender, filter: subject.envelope.filter), !recipients.isEmpty,
            let daemon = EmailAddress(localPart: "MAILER-DAEMON", domain: settings.hostname)
        else { return nil }
        let report = DeliveryReport(
            kind: kind,
            reportingMTA: settings.hostname,
            envelopeID: subject.envelope.envelopeID,
            arrival: subject.envelope.arrival.seconds,
            recipients: recipients,
            returned: try await returned(subject, to: sender)
        )
        let id = MessageID()
        let now = time.wall()
        let bytes = report.message(
            from: daemon,
            to: sender,
            date: time.calendar().seconds,
            messageID: "<\(id.logText)@\(settings.hostname.key)>",
            boundary: Boundary.random()
        )
        var message = Self.outgoing(bytes, id: id, to: sender, hint: hint, at: now, filter: subject.envelope.filter)
        // RFC 8689 §5: a report tells of the message, so it asks for the same.
        if subject.envelope.tls == .required { message.envelope.tls = .required }
        return message
    }

    /// A message of our own for the queue; nothing is ever reported about it.
    static func outgoing(
        _ bytes: [UInt8],
        id: MessageID,
        to sender: EmailAddress,
        hint: String,
        at now: WallTime,
        filter: String? = nil
    ) -> NewMessage {
        let envelope = Envelope(
            reversePath: .null,
            origin: .ours,
            arrival: now,
            protocolName: "LOCAL",
            smtpUTF8: !sender.isASCII,
            body8Bit: bytes.contains { $0 >= 0x80 },
            filter: filter
        )
        let copy = NewCopy(
            recipient: sender,
            dsn: CopyDSN(notify: .never),
            protection: "report",
            nextHopHint: hint
        )
        return NewMessage(id: id, envelope: envelope, contents: [.bytes(bytes)], copies: [copy])
    }

    private func returned(_ subject: Subject, to sender: EmailAddress) async throws -> DeliveryReport.Returned {
        let finding =
            rules.effective(for: sender).mode == .off ? .none : try await rules.finding(for: sender, at: time.wall())
        guard case .usable(let keys) = finding else {
            var header = subject.header
            if subject.isProtected {
                header.remove { line in Self.tellingFields.contains { line.isNamed($0) } }
                if header.first("Subject") != nil { header.replace("Subject", with: "[...]") }
            }
            return .headers(header.bytes)
        }
        do {
            let bytes = try await withTaskExecutorPreference(globalConcurrentExecutor) {
                try await encrypted(subject, to: keys)
            }
            return .encryptedMessage(bytes)
        } catch {
            // Rather a report without the message than none, or one with it in clear.
            if error is CancellationError || Task.isCancelled { throw error }
            return .nothing
        }
    }

    private func encrypted(_ subject: Subject, to keys: KeyFinding.Usable) async throws -> [UInt8] {
        let body = subject.body.flatMap { $0.count <= Self.maxReturnedBytes ? $0 : nil } ?? MemorySource([])
        return try await encrypted(header: subject.header, body: body, to: keys)
    }

    /// A small message as PGP/MIME.
    func encrypted(
        header: HeaderSection,
        body: any ByteSource,
        to keys: KeyFinding.Usable
    ) async throws -> [UInt8] {
        let outline = try await Pipeline.outline(of: body, header: header)
        let layout = PGPMIME.layout(
            header: header,
            outline: outline,
            options: ProtectionOptions(gatewayLabel: settings.protection.gatewayLabel),
            boundary: Boundary.random(),
            innerBoundary: Boundary.random()
        )
        let cipher = try Encryption.producer(
            for: keys,
            at: time.wall(),
            plaintext: layout.plaintext(of: body),
            worker: worker
        )
        let producer = AssembledProducer(prefix: layout.outerPrefix, middle: cipher, suffix: layout.outerSuffix)
        return try await producer.collected()
    }
}

/// Boundaries of multiparts.
enum Boundary {
    /// 128 random bits: no body holds it by chance.
    static func random() -> String {
        "=_" + String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
    }
}
