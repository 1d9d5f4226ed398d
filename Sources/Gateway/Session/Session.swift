// SPDX-License-Identifier: Apache-2.0

import Accounts
import Mail
import Pipeline
import Privacy
import SMTPTransport
import SMTPWire
import Settings

/// One SMTP conversation, from the greeting to the end.
///
/// Owned by one task, which runs on its connection's event loop. Replies gather in the connection and leave together
/// when no further command is there.
struct Session {
    let connection: SMTPServerConnection
    let services: SessionServices
    let log: Log
    var state: SessionState
    /// The content of the transaction in hand, across the chunks of BDAT.
    var intake: BodyIntake?
    private let began: BootTime

    init(connection: SMTPServerConnection, services: SessionServices, state: SessionState) {
        self.connection = connection
        self.services = services
        self.state = state
        began = services.time.boot()
        log = services.log.with(.id("session", connection.id))
    }

    /// Converses until either side ends it.
    mutating func run() async {
        let name = services.settings.hostname.wire
        connection.reply(state.speaksLMTP ? .lmtpGreeting(name) : .greeting(name))
        while let event = await connection.next() {
            guard await handle(event) else { break }
        }
        endTransaction()
    }

    /// Handles one event; false when the session is over.
    private mutating func handle(_ event: ServerEvent) async -> Bool {
        if isOverdue { return await end(with: .timedOut) }
        switch event {
        case .command(let command): return await perform(command)
        case .badCommand(let error): return await refuse(error.reply)
        case .lineTooLong: return await refuse(.lineTooLong)
        case .bodyChunk(let bytes): await intake?.take(bytes)
        case .bodyEnd(let last): return await endOfBody(last: last)
        case .authLine, .authLineTooLong: return await refuse(.badSequence)
        case .tlsEstablished: state.resetForTLS()
        case .timedOut: return await end(with: .timedOut)
        case .shutdownRequested: return await end(with: .shuttingDown)
        case .violation(let violation):
            services.counters.add("sessions that broke the framing")
            log.notice("a session broke the framing", .word("violation", violation.word))
            return await end(with: violation.reply)
        }
        return true
    }

    /// Whether the session, or the message in hand, has had all the time there is, however busy it was.
    private var isOverdue: Bool {
        let now = services.time.boot()
        let limits = services.settings.limits
        if now - began > limits.sessionTimeout { return true }
        return state.transaction.map { now - $0.began > limits.messageTimeout } ?? false
    }

    /// Answers with a refusal and counts it; too many end the session.
    ///
    /// A filter's client is a server that hands over other people's mistakes.
    mutating func refuse(_ reply: Reply) async -> Bool {
        if state.filter == nil { state.errors += 1 }
        guard state.errors > services.settings.limits.errors else {
            connection.reply(reply)
            return true
        }
        services.counters.reached(limit: "errors")
        connection.reply(reply)
        return await end(with: .tooManyErrors)
    }

    /// Says the last word and closes.
    func end(with reply: Reply) async -> Bool {
        await connection.close(reply)
        return false
    }
}
