// SPDX-License-Identifier: Apache-2.0

import Accounts
import NIOCore
import Privacy
import SMTPTransport
import SMTPWire

extension Session {
    /// A whole SASL exchange (RFC 4954), challenges included.
    ///
    /// False when the session is over.
    mutating func authenticate(_ mechanism: String, _ initial: [UInt8]?) async -> Bool {
        guard var exchange = SASLExchange(mechanism: mechanism) else { return await refuse(.unknownMechanism) }
        var step = exchange.begin(initial)
        while case .challenge(let bytes) = step {
            connection.reply(.authChallenge(bytes), then: .authLine)
            switch await connection.next() {
            case .authLine(let line):
                let text = Array(line.readableBytesView)
                if text == [UInt8(ascii: "*")] { return await refuse(.authCancelled) }
                guard let decoded = Base64.decode(text[...]) else { return await refuse(.badBase64) }
                step = exchange.answer(decoded)
            case .authLineTooLong: return await refuse(.authLineTooLong)
            case .violation(let violation): return await end(with: violation.reply)
            case .timedOut: return await end(with: .timedOut)
            case nil: return false
            default: return await end(with: .shuttingDown)
            }
        }
        switch step {
        case .challenge: return true
        case .refuse(let reply): return await refuse(reply)
        case .verify(let login, let password): return await verify(login: login, password: password)
        }
    }

    private mutating func verify(login: String, password: [UInt8]) async -> Bool {
        switch await services.accounts.verify(login: login, password: password) {
        case .accepted(let account):
            state.account = account
            connection.reply(.authenticated)
            return true
        case .rejected:
            services.counters.add("authentication failures")
            log.notice("authentication failed", .identifying("login", Sensitive(login)))
            return await refuse(.badCredentials)
        case .busy:
            connection.reply(.authUnavailable)
            return true
        }
    }
}
