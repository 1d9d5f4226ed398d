// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy
package import SMTPWire
package import Store

/// A recipient that was accepted at `RCPT`.
package struct AcceptedRecipient: Sendable {
    package let address: EmailAddress
    /// RFC 3461: when to report, and the address the sender first wrote.
    package let notify: Notify?
    package let originalRecipient: OriginalRecipient?

    package init(address: EmailAddress, notify: Notify? = nil, originalRecipient: OriginalRecipient? = nil) {
        self.address = address
        self.notify = notify
        self.originalRecipient = originalRecipient
    }
}

/// A whole message after end-of-data, before anything was decided about it.
package struct IncomingMessage: Sendable {
    /// The id that the `250` will carry.
    package var id: MessageID
    package var origin: Origin
    package var mail: MailParameters
    package var recipients: [AcceptedRecipient]
    package var header: HeaderSection
    /// Everything after the empty line, as it came.
    package var body: any ByteSource
    /// Whether the header section was ended by an empty line.
    package var hasEmptyLine: Bool
    /// `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPSA`, `UTF8SMTPS`… (RFC 3848, RFC 6531).
    package var protocolName: String
    package var arrival: WallTime
    /// The name of the filter that the message came by, whose next hop gets it; nil: the routes say where it goes.
    package var filter: String?

    package init(
        id: MessageID,
        origin: Origin,
        mail: MailParameters,
        recipients: [AcceptedRecipient],
        header: HeaderSection,
        body: any ByteSource,
        hasEmptyLine: Bool,
        protocolName: String,
        arrival: WallTime,
        filter: String? = nil
    ) {
        self.id = id
        self.origin = origin
        self.mail = mail
        self.recipients = recipients
        self.header = header
        self.body = body
        self.hasEmptyLine = hasEmptyLine
        self.protocolName = protocolName
        self.arrival = arrival
        self.filter = filter
    }
}
