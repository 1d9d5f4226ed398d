// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Delivery

/// Known failures of SMTP clients at odd replies, each named by its row in the list that the project keeps.
@Suite("What odd replies do to a copy")
struct ReplyRowTests {
    private static let flood = String(repeating: "250-x\r\n", count: 999) + "250 x"

    static let rows: [(String, Script.Move, String)] = [
        ("RCPT", .say("550"), "failed 5.0.0 refusedByHost"), ("RCPT", .say("550 5.7.2"), "failed 5.7.2 refusedByHost"),
        ("RCPT", .say("550 4.7.2 x"), "failed 5.0.0 refusedByHost"),
        ("RCPT", .say("450 5.7.2 x"), "deferred 4.0.0 refusedByHost"),
        ("RCPT", .say("550-a\r\n450 b"), "deferred 4.5.0 protocolError"),
        ("RCPT", .say("550-a\r\n250 b"), "deferred 4.5.0 protocolError"),
        ("RCPT", .say("5\u{0}0 x"), "deferred 4.5.0 protocolError"),
        ("RCPT", .say(flood), "deferred 4.5.0 protocolError"),
    ]

    @Test(
        "the class of a refusal comes from its basic code, and what is no reply puts the copy off",
        arguments: rows.indices
    )
    func row_26_enhancedStatus(_ index: Int) async throws {
        try await expect(Self.rows[index])
    }

    @Test("an answer without an end puts the copy off", arguments: ["EHLO", "MAIL", "DATA"])
    func row_27_replyFlood(verb: String) async throws {
        try await expect((verb, .say(Self.flood), "deferred 4.5.0 protocolError"))
    }

    private func expect(_ row: (verb: String, move: Script.Move, outcome: String)) async throws {
        var script = Script()
        script.answers = [row.verb: row.move]
        let (outcomes, peer) = try await Fixture.relayed(script)
        #expect(outcomes == [row.outcome])
        #expect(peer.taken.isEmpty)
    }
}
