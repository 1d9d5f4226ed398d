// SPDX-License-Identifier: Apache-2.0

/// A delivery status notification: what became of one message for some of its recipients (RFC 3461, 3464, 6522, 6533).
package struct DeliveryReport: Sendable {
    /// What happened, in the words of the machine part (RFC 3464 2.3.3).
    package enum Action: String, Sendable {
        case failed
        case delayed
        case delivered
        case relayed
        case expanded
    }

    package struct Recipient: Sendable {
        package var original: OriginalRecipient?
        package var final: EmailAddress
        package var action: Action
        /// Enhanced status code with its class: `5.1.1` (RFC 3463).
        package var status: String
        /// The host that said so; `nil` when we did.
        package var remoteMTA: String?
        /// The other host's last reply, code and text.
        ///
        /// Untrusted: cleaned and cut to 500 bytes before use.
        package var diagnostic: String?
        /// For `delayed`: until when we try, in seconds since 1970.
        package var willRetryUntil: Int64?
        /// A sentence of ours that says why and what to do; `nil` for the usual one.
        package var explanation: String?

        package init(
            original: OriginalRecipient? = nil,
            final: EmailAddress,
            action: Action,
            status: String,
            remoteMTA: String? = nil,
            diagnostic: String? = nil,
            willRetryUntil: Int64? = nil,
            explanation: String? = nil
        ) {
            self.original = original
            self.final = final
            self.action = action
            self.status = status
            self.remoteMTA = remoteMTA
            self.diagnostic = diagnostic
            self.willRetryUntil = willRetryUntil
            self.explanation = explanation
        }
    }

    /// What of the message goes back.
    package enum Returned: Sendable {
        /// Its header section (of a protected copy: only the outer one).
        case headers([UInt8])
        /// A whole message that is encrypted to the sender.
        case encryptedMessage([UInt8])
        case nothing
    }

    /// What the report is mainly about: its Subject.
    package var kind: Action
    package var reportingMTA: Domain
    /// `ENVID`, decoded.
    package var envelopeID: String?
    /// When the message came in, in seconds since 1970.
    package var arrival: Int64
    package var recipients: [Recipient]
    package var returned: Returned

    package init(
        kind: Action,
        reportingMTA: Domain,
        envelopeID: String? = nil,
        arrival: Int64,
        recipients: [Recipient],
        returned: Returned
    ) {
        self.kind = kind
        self.reportingMTA = reportingMTA
        self.envelopeID = envelopeID
        self.arrival = arrival
        self.recipients = recipients
        self.returned = returned
    }

    /// The whole message, header and body, with CRLF line ends; its envelope sender is the null path.
    ///
    /// `messageID` stands with its angle brackets; `boundary` is random, so that it occurs in nothing returned.
    package func message(
        from: EmailAddress,
        to: EmailAddress,
        date: Int64,
        messageID: String,
        boundary: String
    ) -> [UInt8] {
        let text = Array(humanText().utf8)
        let status = Array(statusFields().utf8)
        let isGlobal = status.contains { $0 >= 0x80 }
        let (returnedType, returnedBytes) = returnedPart(isGlobal: isGlobal)
        let is8Bit = isGlobal || (text + returnedBytes).contains { $0 >= 0x80 }

        var header = HeaderSection(lines: [])
        header.append("From", "Mail Delivery System <" + from.wire + ">")
        header.append("To", "<" + to.wire + ">")
        header.append("Subject", subject)
        header.append("Date", MessageDate.format(date))
        header.append("Message-ID", messageID)
        header.append("Auto-Submitted", "auto-replied")
        header.append("MIME-Version", "1.0")
        header.append(
            "Content-Type",
            "multipart/report; report-type=delivery-status;\r\n\tboundary=\"" + boundary + "\""
        )
        if is8Bit { header.append("Content-Transfer-Encoding", "8bit") }

        var bytes = header.bytes
        bytes += Array("\r\nThis is a delivery report in MIME format.\r\n".utf8)
        let parts: [(type: String, description: String, content: [UInt8])] = [
            ("text/plain; charset=utf-8", "Notification", text),
            (isGlobal ? "message/global-delivery-status" : "message/delivery-status", "Delivery report", status),
            (returnedType, "Returned message", returnedBytes),
        ]
        for part in parts where !part.type.isEmpty {
            bytes += Array("\r\n--\(boundary)\r\nContent-Type: \(part.type)\r\n".utf8)
            bytes += Array("Content-Description: \(part.description)\r\n".utf8)
            if part.content.contains(where: { $0 >= 0x80 }) {
                bytes += Array("Content-Transfer-Encoding: 8bit\r\n".utf8)
            }
            bytes += Array("\r\n".utf8) + part.content
        }
        return bytes + Array("\r\n--\(boundary)--\r\n".utf8)
    }

    private var subject: String {
        switch kind {
        case .failed: "Undelivered Mail Returned to Sender"
        case .delayed: "Delayed Mail (still being tried)"
        case .delivered, .relayed, .expanded: "Successful Mail Delivery Report"
        }
    }

    private func returnedPart(isGlobal: Bool) -> (type: String, content: [UInt8]) {
        switch returned {
        case .nothing: ("", [])
        case .encryptedMessage(let message): ("message/rfc822", message)
        case .headers(let header):
            // RFC 6533 5 has a name of its own for headers in UTF-8; other bytes over 127 are no UTF-8 and keep the
            // old one.
            (
                isGlobal && String(validating: header, as: UTF8.self) != nil
                    ? "message/global-headers" : "text/rfc822-headers", header
            )
        }
    }
}
