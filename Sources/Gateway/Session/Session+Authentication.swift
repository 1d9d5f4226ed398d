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
        switch mechanism {
        case "SCRAM-SHA-256": return await authenticateBySCRAM(usesBinding: false, initial)
        case "SCRAM-SHA-256-PLUS": return await authenticateBySCRAM(usesBinding: true, initial)
        default: return await authenticateByPassword(mechanism, initial)
        }
    }

    /// What came of a challenge.
    private enum Answer {
        case bytes([UInt8])
        /// The exchange is over; whether the session goes on.
        case over(goesOn: Bool)
    }

    private mutating func challenge(_ bytes: [UInt8]) async -> Answer {
        connection.reply(.authChallenge(bytes), then: .authLine)
        switch await connection.next() {
        case .authLine(let line):
            let text = Array(line.readableBytesView)
            if text == [UInt8(ascii: "*")] { return .over(goesOn: await refuse(.authCancelled)) }
            guard let decoded = Base64.decode(text[...]) else { return .over(goesOn: await refuse(.badBase64)) }
            return .bytes(decoded)
        case .authLineTooLong: return .over(goesOn: await refuse(.authLineTooLong))
        case .violation(let violation): return .over(goesOn: await end(with: violation.reply))
        case .timedOut: return .over(goesOn: await end(with: .timedOut))
        case nil: return .over(goesOn: false)
        default: return .over(goesOn: await end(with: .shuttingDown))
        }
    }

    private func visitor(_ login: String) -> SignInDesk.Visitor {
        let source = connection.remoteAddress?.exposed.bytes ?? []
        return SignInDesk.Visitor(login: Sensitive(login), source: Sensitive(source))
    }

    // MARK: PLAIN and LOGIN

    private mutating func authenticateByPassword(_ mechanism: String, _ initial: [UInt8]?) async -> Bool {
        guard var exchange = SASLExchange(mechanism: mechanism) else { return await refuse(.unknownMechanism) }
        var step = exchange.begin(initial)
        while case .challenge(let bytes) = step {
            switch await challenge(bytes) {
            case .bytes(let answer): step = exchange.answer(answer)
            case .over(let goesOn): return goesOn
            }
        }
        switch step {
        case .challenge: return true
        case .refuse(let reply): return await refuse(reply)
        case .verify(let login, let password):
            let visitor = visitor(login)
            return await conclude(visitor, await services.signIn.verify(visitor, password: password))
        }
    }

    private mutating func conclude(_ visitor: SignInDesk.Visitor, _ outcome: SignIn) async -> Bool {
        switch outcome {
        case .accepted(let account):
            state.account = account
            connection.reply(.authenticated)
            return true
        case .rejected:
            log.notice("authentication failed", .identifying("login", visitor.login))
            return await refuse(.badCredentials)
        case .busy:
            return await refuse(.authUnavailable)
        }
    }

    // MARK: SCRAM

    /// RFC 5802 in the frame of RFC 4954: the server's last message is a challenge that the client answers with nothing.
    private mutating func authenticateBySCRAM(usesBinding: Bool, _ initial: [UInt8]?) async -> Bool {
        guard state.offersSCRAM, !usesBinding || !state.channelBindings.isEmpty else {
            return await refuse(.unknownMechanism)
        }
        var first = initial ?? []
        if initial == nil {
            switch await challenge([]) {
            case .bytes(let bytes): first = bytes
            case .over(let goesOn): return goesOn
            }
        }
        var exchange = SCRAMExchange(usesBinding: usesBinding, endPoints: state.channelBindings)
        guard let login = try? exchange.readFirst(first) else { return await refuse(.badCredentials) }
        switch await challenge(exchange.challenge(services.accounts.scramVerifier(login: login))) {
        case .bytes(let proof): return await finish(exchange, proof, visitor(login))
        case .over(let goesOn): return goesOn
        }
    }

    private mutating func finish(
        _ exchange: SCRAMExchange,
        _ proof: [UInt8],
        _ visitor: SignInDesk.Visitor
    ) async -> Bool {
        guard await services.signIn.admit(visitor) else { return await conclude(visitor, .busy) }
        guard let last = try? exchange.finish(proof),
            let account = services.accounts.scramAccount(login: visitor.login.exposed)
        else {
            services.signIn.settle(visitor, .rejected)
            return await conclude(visitor, .rejected)
        }
        services.signIn.settle(visitor, .accepted(account))
        switch await challenge(last) {
        case .bytes(let bytes) where bytes.isEmpty: return await conclude(visitor, .accepted(account))
        case .bytes: return await refuse(.syntaxError)
        case .over(let goesOn): return goesOn
        }
    }
}
