// SPDX-License-Identifier: Apache-2.0

import Pipeline
import SMTPWire
import Store
import Testing

@testable import Gateway

@Suite("What end-of-data is answered")
struct AcceptanceReplyTests {
    static let codes: [(Refusal, Int, String)] = [
        (.tooManyHops, 554, "5.4.6"),
        (.noFrom, 554, "5.6.0"),
        (.noHeaderEnd, 554, "5.6.0"),
        (.fromNotYours, 550, "5.7.1"),
        (.keyUnusable, 450, "4.7.0"),
        (.noKey, 550, "5.7.1"),
        (.authorPolicyUnknown, 451, "4.4.3"),
        (.expandsTooFar, 452, "4.5.3"),
        (.tooManyHeld, 452, "4.3.1"),
        (.storeFull, 452, "4.3.1"),
        (.unavailable, 451, "4.3.0"),
    ]

    @Test("each refusal has its code, and both codes agree", arguments: codes)
    func refusals(refusal: Refusal, code: Int, enhanced: String) {
        let reply = AcceptanceReply.reply(to: .refused(refusal), id: MessageID())
        #expect(reply.code == code && reply.enhancedText == enhanced && !reply.isPositive)
        #expect(reply.lines.count == 1 && reply.lines[0].count > 5)
    }

    @Test("250 carries the id that trace takes")
    func accepted() {
        let id = MessageID()
        let reply = AcceptanceReply.reply(to: .accepted(ProtectionSummary()), id: id)
        #expect(reply.code == 250 && reply.enhancedText == "2.0.0")
        let last = reply.lines.first?.split(separator: " ").last.map(String.init)
        #expect(last.flatMap { MessageID(text: $0) } == id)
    }
}
