// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy

/// Takes TLS reports about us (RFC 8460) out of the mail.
package protocol TLSReportTaking: Sendable {
    /// Mail to this address is not delivered.
    var address: EmailAddress { get }

    /// Reads the message's report and keeps what it tells; durable on return.
    ///
    /// What is no report is dropped and counted. Throws only where the store fails.
    func take(_ header: HeaderSection, _ body: [UInt8], at now: WallTime) async throws

    /// The longest body that is looked at; what is longer is no report.
    var longestBody: Int { get }

    /// Told that a message was too long.
    func dropTooLong()
}

extension Pipeline {
    /// The message without the address for TLS reports among its recipients; what it was told there has been taken.
    ///
    /// A filter's mail is left alone: its server has decided where it goes.
    func takingReport(from message: IncomingMessage) async throws -> IncomingMessage {
        guard let taker = tlsReports, message.filter == nil,
            message.recipients.contains(where: { $0.address == taker.address })
        else { return message }
        if message.body.count > taker.longestBody {
            taker.dropTooLong()
        } else {
            var body: [UInt8] = []
            var producer = SourceProducer(message.body)
            while let chunk = try await producer.next() { body += chunk }
            try await taker.take(message.header, body, at: time.wall())
        }
        var rest = message
        rest.recipients.removeAll { $0.address == taker.address }
        return rest
    }
}
