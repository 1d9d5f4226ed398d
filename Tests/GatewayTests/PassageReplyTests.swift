// SPDX-License-Identifier: Apache-2.0

import Delivery
import SMTPWire
import Store
import Testing

@testable import Gateway

@Suite("What a client hears of the next hop")
struct PassageReplyTests {
    private let id = MessageID()

    private func reply(_ code: Int, _ status: EnhancedStatus, _ text: String) -> RemoteReply {
        RemoteReply(code: code, enhanced: .init(class: code / 100, status: status), lines: [text])
    }

    private func failed(_ reply: RemoteReply) -> DeliveryOutcome {
        .failed(.init(.badMailbox, .refusedByHost, reply: reply))
    }

    private func deferred(_ reply: RemoteReply?) -> DeliveryOutcome {
        .deferred(.init(.systemFull, .hostUnavailable, reply: reply))
    }

    private let taken = DeliveryOutcome.delivered(.init(reply: nil, host: nil, relayedDSN: true))

    @Test("a refusal keeps its codes and its words")
    func refusal() {
        let refused = PassageReply.reply(to: failed(reply(554, .contentOther, "no such content")), id: id)
        #expect(
            refused.code == 554 && refused.enhancedText == "5.6.0"
                && refused.lines == ["refused by the next server: no such content"]
        )
        let later = PassageReply.reply(to: deferred(reply(452, .systemFull, "full")), id: id)
        #expect(later.code == 452 && later.enhancedText == "4.3.1")
    }

    @Test("a next hop that closes or is not there does not make the session close", arguments: [421, nil])
    func unavailable(code: Int?) {
        let answer = PassageReply.reply(to: deferred(code.map { reply($0, .other, "bye") }), id: id)
        #expect(answer.code == 451 && answer.enhancedText == "4.3.1")
    }

    @Test("one answer for all: taken before later, later before never")
    func one() {
        let never = failed(reply(550, .badMailbox, "no"))
        let later = deferred(reply(450, .other, "later"))
        #expect(PassageReply.reply(to: [never, later, taken], id: id).code == 250)
        #expect(PassageReply.reply(to: [never, later], id: id).code == 450)
        #expect(PassageReply.reply(to: [never], id: id).code == 550)
    }
}
