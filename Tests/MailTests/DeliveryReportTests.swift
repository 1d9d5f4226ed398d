// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Mail

@Suite("Delivery reports")
struct DeliveryReportTests {
    private func report(
        _ kind: DeliveryReport.Action = .failed,
        to recipient: String = "bob@example.com",
        diagnostic: String? = "550 5.1.1 no such user",
        returned: DeliveryReport.Returned = .headers(Array("Subject: [...]\r\n".utf8))
    ) throws -> DeliveryReport {
        DeliveryReport(
            kind: kind,
            reportingMTA: try #require(Domain("mx.example.org")),
            envelopeID: "id 1",
            arrival: 1_795_333_062,
            recipients: [
                DeliveryReport.Recipient(
                    original: OriginalRecipient(addressType: "rfc822", address: "Bob@example.com"),
                    final: try #require(EmailAddress(recipient)),
                    action: kind,
                    status: kind == .delayed ? "4.4.1" : "5.1.1",
                    remoteMTA: "mail.example.com",
                    diagnostic: diagnostic,
                    willRetryUntil: kind == .delayed ? 1_795_400_000 : nil
                )
            ],
            returned: returned
        )
    }

    private func message(_ report: DeliveryReport) throws -> TestMessage {
        TestMessage(
            report.message(
                from: try #require(EmailAddress("MAILER-DAEMON@example.org")),
                to: try #require(EmailAddress("alice@example.org")),
                date: 1_795_333_062,
                messageID: "<1@example.org>",
                boundary: "B"
            )
        )
    }

    /// The parts between the boundaries: header and content of each.
    private func parts(_ message: TestMessage) -> [TestMessage] {
        text(message.body).split(separator: "\r\n--B").dropFirst().dropLast()
            .map { TestMessage(Array($0.dropFirst().utf8)) }
    }

    @Test("have three parts, and a header that no machine answers")
    func shape() throws {
        let message = try message(report())
        #expect(text(message.header.first("From")?.value ?? []) == "Mail Delivery System <MAILER-DAEMON@example.org>")
        #expect(text(message.header.first("To")?.value ?? []) == "<alice@example.org>")
        #expect(text(message.header.first("Auto-Submitted")?.value ?? []) == "auto-replied")
        #expect(text(message.header.first("Subject")?.value ?? []) == "Undelivered Mail Returned to Sender")
        #expect(text(message.header.first("Date")?.value ?? []) == "Sun, 22 Nov 2026 07:37:42 +0000")
        let type = ContentType(of: message.header)
        #expect(type.isType("multipart", "report"))
        #expect(type.parameter("report-type").map { text($0) } == "delivery-status")
        #expect(message.outline().has8BitBody == false)
        let types = parts(message).map { text($0.header.first("Content-Type")?.value ?? []) }
        #expect(types == ["text/plain; charset=utf-8", "message/delivery-status", "text/rfc822-headers"])
        let human = text(parts(message)[0].body)
        for words in [
            "could NOT be delivered", "<bob@example.com>", "mail.example.com said:", "550 5.1.1 no such user",
            "send the message again",
        ] {
            #expect(human.contains(words))
        }
        #expect(text(parts(message)[2].body) == "Subject: [...]\r\n")
    }

    @Test("say in the machine part what a machine needs")
    func machinePart() throws {
        let status = text(parts(try message(report(.delayed)))[1].body)
        #expect(
            status == """
                Original-Envelope-Id: id 1\r
                Reporting-MTA: dns; mx.example.org\r
                Arrival-Date: Sun, 22 Nov 2026 07:37:42 +0000\r
                \r
                Original-Recipient: rfc822; Bob@example.com\r
                Final-Recipient: rfc822; bob@example.com\r
                Action: delayed\r
                Status: 4.4.1\r
                Remote-MTA: dns; mail.example.com\r
                Diagnostic-Code: smtp; 550 5.1.1 no such user\r
                Will-Retry-Until: Mon, 23 Nov 2026 02:13:20 +0000\r\n
                """
        )
    }

    @Test(
        "have a Subject for each kind",
        arguments: [
            (DeliveryReport.Action.failed, "Undelivered Mail Returned to Sender"),
            (.delayed, "Delayed Mail (still being tried)"), (.delivered, "Successful Mail Delivery Report"),
            (.relayed, "Successful Mail Delivery Report"), (.expanded, "Successful Mail Delivery Report"),
        ]
    )
    func subjects(kind: DeliveryReport.Action, subject: String) throws {
        let message = try message(report(kind))
        #expect(text(message.header.first("Subject")?.value ?? []) == subject)
        #expect(text(parts(message)[1].body).contains("Action: \(kind.rawValue)\r\n"))
    }

    @Test("use the international form for an address outside ASCII")
    func international() throws {
        let message = try message(report(to: "jörg@bücher.example"))
        let parts = parts(message)
        #expect(text(parts[1].header.first("Content-Type")?.value ?? []) == "message/global-delivery-status")
        #expect(text(parts[1].body).contains("Final-Recipient: utf-8; jörg@bücher.example\r\n"))
        #expect(text(parts[2].header.first("Content-Type")?.value ?? []) == "message/global-headers")
        #expect(text(message.header.first("Content-Transfer-Encoding")?.value ?? []) == "8bit")
    }

    @Test("let nothing in that another host could do harm with")
    func untrustedText() throws {
        let evil =
            "550 a\r\nFinal-Recipient: rfc822; x@y\r\n\r\n--B--\r\n\u{1B}[2J\u{202E}\u{0}\u{2028}é"
            + String(repeating: "x", count: 5000)
        let message = try message(report(diagnostic: evil))
        let status = text(parts(message)[1].body)
        #expect(status.split(separator: "\r\n").filter { $0.hasPrefix("Final-Recipient") }.count == 1)
        #expect(!status.contains("\u{1B}") && status.utf8.allSatisfy { $0 < 0x80 })
        #expect(parts(message).count == 3)
        let longest = text(message.body).split(separator: "\r\n").map(\.utf8.count).max() ?? 0
        #expect(longest <= 540)
    }

    @Test("return the message only as the sender may have it")
    func returned() throws {
        let none = try message(report(returned: .nothing))
        #expect(parts(none).count == 2)
        let encrypted = try message(report(returned: .encryptedMessage(Array("Subject: [...]\r\n\r\nx\r\n".utf8))))
        let last = try #require(parts(encrypted).last)
        #expect(text(last.header.first("Content-Type")?.value ?? []) == "message/rfc822")
        #expect(text(last.body) == "Subject: [...]\r\n\r\nx\r\n")
        let raw = try message(report(returned: .headers([88, 58, 0xE9, 13, 10])))
        #expect(raw.header.first("Content-Transfer-Encoding").map { text($0.value) } == "8bit")
        #expect(raw.body.contains(0xE9))
    }
}
