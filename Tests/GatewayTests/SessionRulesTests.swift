// SPDX-License-Identifier: Apache-2.0

import Mail
import Privacy
import SMTPWire
import Settings
import Testing

@testable import Gateway
@testable import Pipeline

@Suite("Which command is allowed when")
struct SessionRulesTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let command: SMTPCommand
        let state: SessionState
        let code: Int?
        var testDescription: String { name }
    }

    static func state(
        _ role: Listener.Role,
        encrypted: Bool = false,
        extended: Bool? = true,
        ours: Bool = false,
        transaction: Transaction? = nil,
        offersTLS: Bool = true
    ) -> SessionState {
        var state = SessionState(role: role, isInOurNetworks: ours, offersTLS: offersTLS)
        state.isEncrypted = encrypted
        state.extended = extended
        state.transaction = transaction
        return state
    }

    static func transaction(recipients: Int, asked: Int, chunking: Bool = false) throws -> Transaction {
        var transaction = Transaction(
            mail: MailParameters(reversePath: .null),
            began: BootTime(milliseconds: 0)
        )
        let address = try #require(EmailAddress("a@example.org"))
        transaction.recipients = Array(repeating: AcceptedRecipient(address: address), count: recipients)
        transaction.asked = asked
        transaction.isChunking = chunking
        return transaction
    }

    static let mail = SMTPCommand.mail(MailParameters(reversePath: .null))
    static let auth = SMTPCommand.auth(mechanism: "PLAIN", initial: nil)

    static func rows() throws -> [Row] {
        let one = try transaction(recipients: 1, asked: 1)
        let refused = try transaction(recipients: 0, asked: 1)
        let empty = try transaction(recipients: 0, asked: 0)
        let chunking = try transaction(recipients: 1, asked: 1, chunking: true)
        let rcpt = SMTPCommand.rcpt(RcptParameters(forwardPath: .postmaster))
        return [
            Row(name: "MAIL before EHLO", command: mail, state: state(.mx, extended: nil), code: 503),
            Row(name: "MAIL on mx", command: mail, state: state(.mx), code: nil),
            Row(name: "MAIL twice", command: mail, state: state(.mx, transaction: empty), code: 503),
            Row(name: "MAIL on submission in clear", command: mail, state: state(.submission), code: 530),
            Row(
                name: "MAIL on submission in clear from our network",
                command: mail,
                state: state(.submission, ours: true),
                code: 530
            ),
            Row(
                name: "MAIL on submission without AUTH",
                command: mail,
                state: state(.submission, encrypted: true),
                code: 530
            ),
            Row(
                name: "MAIL on submissions without AUTH",
                command: mail,
                state: state(.submissions, encrypted: true),
                code: 530
            ),
            Row(name: "MAIL on local from a user who may not send", command: mail, state: state(.local), code: 550),
            Row(name: "AUTH on local", command: auth, state: state(.local), code: 502),
            Row(name: "AUTH in clear", command: auth, state: state(.submission), code: 538),
            Row(name: "AUTH inside TLS", command: auth, state: state(.submission, encrypted: true), code: nil),
            Row(name: "AUTH on mx", command: auth, state: state(.mx, encrypted: true), code: 502),
            Row(
                name: "AUTH in a transaction",
                command: auth,
                state: state(.submission, encrypted: true, transaction: empty),
                code: 503
            ),
            Row(name: "STARTTLS", command: .startTLS, state: state(.mx), code: nil),
            Row(name: "STARTTLS inside TLS", command: .startTLS, state: state(.mx, encrypted: true), code: 503),
            Row(
                name: "STARTTLS without a certificate",
                command: .startTLS,
                state: state(.mx, offersTLS: false),
                code: 502
            ),
            Row(name: "RCPT before MAIL", command: rcpt, state: state(.mx), code: 503),
            Row(name: "RCPT", command: rcpt, state: state(.mx, transaction: empty), code: nil),
            Row(name: "RCPT after BDAT", command: rcpt, state: state(.mx, transaction: chunking), code: 503),
            Row(name: "DATA before RCPT", command: .data, state: state(.mx, transaction: empty), code: 503),
            Row(
                name: "DATA with every RCPT refused",
                command: .data,
                state: state(.mx, transaction: refused),
                code: 554
            ),
            Row(name: "DATA", command: .data, state: state(.mx, transaction: one), code: nil),
            Row(name: "DATA after BDAT", command: .data, state: state(.mx, transaction: chunking), code: 503),
            Row(name: "BDAT", command: .bdat(size: 1, last: true), state: state(.mx, transaction: one), code: nil),
            Row(
                name: "BDAT after BDAT",
                command: .bdat(size: 1, last: true),
                state: state(.mx, transaction: chunking),
                code: nil
            ),
            Row(
                name: "BDAT with no RCPT",
                command: .bdat(size: 1, last: true),
                state: state(.mx, transaction: empty),
                code: 503
            ),
            Row(name: "VRFY", command: .vrfy, state: state(.mx, extended: nil), code: nil),
            Row(name: "EXPN", command: .expn, state: state(.mx), code: 502),
            Row(name: "LHLO", command: .lhlo("x"), state: state(.mx), code: 500),
        ]
    }

    @Test("the table of commands and states", arguments: try rows())
    func table(row: Row) {
        #expect(SessionRules.refusal(of: row.command, in: row.state)?.code == row.code)
    }

    @Test("a filter takes MAIL without a sign-in, LHLO only on its unix socket, and XFORWARD only where it is believed")
    func filter() throws {
        var state = Self.state(.filter)
        let hop = NextHop(endpoint: .tcp(host: "127.0.0.1", port: 10026))
        state.filter = FilterSettings(.inbound, at: "127.0.0.1:10025", nextHop: hop)
        func code(_ command: SMTPCommand) -> Int? { SessionRules.refusal(of: command, in: state)?.code }
        let client = SMTPCommand.xforward(ForwardedClient())
        #expect(code(Self.mail) == nil && code(Self.auth) == 502 && code(.lhlo("x")) == 500 && code(.ehlo("x")) == nil)
        #expect(code(client) == 502)
        #expect(!state.origin.isOurs && state.protocolName == "ESMTP")
        #expect(!state.keywords(maxMessageBytes: 1).contains { $0.hasPrefix("AUTH") || $0.hasPrefix("XFORWARD") })

        state.filter?.forwardsClient = true
        #expect(code(client) == nil)
        #expect(state.keywords(maxMessageBytes: 1).contains { $0.hasPrefix("XFORWARD NAME ADDR") })
        state.transaction = try Self.transaction(recipients: 0, asked: 0)
        #expect(code(client) == 503)

        state.transaction = nil
        state.filter?.direction = .outbound
        state.speaksLMTP = true
        #expect(code(.lhlo("x")) == nil && code(.ehlo("x")) == 500 && code(.helo("x")) == 500)
        #expect(state.origin.isOurs && state.protocolName == "LMTP")
    }

    @Test("TLS makes the session forget what was said in clear")
    func resetForTLS() throws {
        var state = Self.state(.submission, transaction: try Self.transaction(recipients: 1, asked: 1))
        state.resetForTLS()
        #expect(state.extended == nil && state.transaction == nil && state.account == nil && state.isEncrypted)
    }

    @Test("AUTH is offered only inside TLS and never on mx; STARTTLS only before it")
    func keywords() {
        #expect(!Self.state(.submission).keywords(maxMessageBytes: 1).contains { $0.hasPrefix("AUTH") })
        #expect(Self.state(.submission).keywords(maxMessageBytes: 1).contains("STARTTLS"))
        let encrypted = Self.state(.submission, encrypted: true).keywords(maxMessageBytes: 1)
        #expect(encrypted.contains("AUTH PLAIN LOGIN") && !encrypted.contains("STARTTLS"))
        #expect(!Self.state(.mx, encrypted: true).keywords(maxMessageBytes: 1).contains { $0.hasPrefix("AUTH") })
        var asked = Self.state(.submission, encrypted: true)
        asked.offersSCRAM = true
        #expect(asked.keywords(maxMessageBytes: 1).contains("AUTH SCRAM-SHA-256 PLAIN LOGIN"))
        asked.channelBindings = [[1]]
        #expect(asked.keywords(maxMessageBytes: 1).contains("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"))
    }
}
