// SPDX-License-Identifier: Apache-2.0

import Accounts
import Dial
import Mail
import Pipeline
import Privacy
import SMTPTransport
import SMTPWire
import Settings

extension Session {
    /// One command: may it happen now, and then its effect.
    ///
    /// False when the session is over.
    mutating func perform(_ command: SMTPCommand) async -> Bool {
        if let refusal = SessionRules.refusal(of: command, in: state) {
            guard case .bdat = command else { return await refuse(refusal) }
            intake = .discarding(reply: refusal)
            return true
        }
        switch command {
        case .ehlo, .lhlo: greet(extended: true)
        case .helo: greet(extended: false)
        case .mail(let mail): return await begin(mail)
        case .rcpt(let recipient): return await add(recipient)
        case .data: return beginData()
        case .bdat(let size, let last): beginChunk(size: size, last: last)
        case .rset:
            endTransaction()
            connection.reply(.ok)
        case .noop: connection.reply(.ok)
        case .vrfy: connection.reply(.cannotVerify)
        case .help: connection.reply(.help)
        case .quit: return await end(with: .goodbye)
        case .startTLS:
            guard let facts = await connection.startTLS() else { return false }
            state.resetForTLS()
            state.clientCertificate = facts.fingerprints
        case .auth(let mechanism, let initial): return await authenticate(mechanism, initial)
        case .xforward(let client):
            state.client = state.client ?? ForwardedClient()
            state.client?.merge(client)
            connection.reply(.ok)
        case .expn: return await refuse(.notImplemented)
        }
        return true
    }

    private mutating func greet(extended: Bool) {
        endTransaction()
        state.extended = extended
        state.offersSCRAM = services.accounts.offersSCRAM
        let name = services.settings.hostname.wire
        let size = services.settings.limits.messageBytes
        var keywords = state.keywords(maxMessageBytes: size)
        if state.role == .local { keywords.append(services.callers.keyword(for: state.caller)) }
        connection.reply(extended ? .ehlo(name, keywords: keywords) : .helo(name))
    }

    private mutating func begin(_ mail: MailParameters) async -> Bool {
        if let size = mail.size, size > services.settings.limits.messageBytes { return await refuse(.messageTooLarge) }
        if mail.requireTLS, !state.isEncrypted { return await refuse(.requireTLSInClear) }
        if let refusal = proof(of: mail) { return await refuse(refusal) }
        if let account = state.account, let address = mail.reversePath.address,
            !services.accounts.maySend(
                account,
                as: address,
                tagSeparator: services.settings.tagSeparator
            )
        {
            return await refuse(.senderNotYours)
        }
        if let caller = state.caller {
            if let address = mail.reversePath.address,
                !caller.maySend(as: address, tagSeparator: services.settings.tagSeparator)
            {
                return await refuse(.senderNotYours)
            }
            guard services.callers.mayStart(caller) else { return await refuse(.tooManyThisHour) }
        }
        var charge: SendingCharge?
        if let account = state.account {
            guard services.sending.begin(.message, by: account) else { return await refuse(.accountLimit) }
            charge = SendingCharge(name: account.name)
        }
        state.transaction = Transaction(mail: mail, began: services.time.boot(), charge: charge)
        connection.reply(.senderOK)
        return true
    }

    /// Why mail with this sender is not taken from this client: the server of its domain must prove itself.
    ///
    /// Those who are ours by account or network have nothing to prove, and a report (`<>`) has no domain.
    private func proof(of mail: MailParameters) -> Reply? {
        guard state.role == .mx, !state.origin.isOurs, let domain = mail.reversePath.address?.domain else { return nil }
        switch services.inbound.verdict(on: domain, shown: state.clientCertificate) {
        case .free: return nil
        case .proven:
            services.counters.add("messages from proven servers")
            return nil
        case .refused:
            services.counters.add(InboundProof.refusals)
            log.notice("a client without the pinned certificate brought mail of a domain that asks for it")
            return .clientNotProven
        }
    }

    private mutating func add(_ parameters: RcptParameters) async -> Bool {
        state.transaction?.asked += 1
        guard let address = services.recipients.address(of: parameters.forwardPath) else {
            return await refuse(.badRecipientAddress)
        }
        // RFC 6531 section 3.4: without SMTPUTF8 in MAIL such an address can't go on.
        if !address.isASCII, state.transaction?.mail.smtpUTF8 != true { return await refuse(.needsSMTPUTF8) }
        guard let count = state.transaction?.recipients.count, count < services.settings.limits.recipients else {
            services.counters.reached(limit: "recipients")
            connection.reply(.tooManyRecipients)
            return true
        }
        if let refusal = await services.recipients.refusal(of: address, for: state.origin, by: state.filter) {
            services.counters.add("recipients refused")
            if [.protectionRequired, .keyUnusable].contains(refusal) { services.counters.add("copies refused") }
            return await refuse(refusal)
        }
        if let account = state.account {
            // A reply of its own kind, not an error of the client's, as with too many recipients.
            guard services.sending.begin(.recipient, by: account) else {
                connection.reply(.accountLimit)
                return true
            }
            state.transaction?.charge?.recipients += 1
        }
        state.transaction?.recipients.append(
            AcceptedRecipient(address: address, notify: parameters.notify, originalRecipient: parameters.orcpt)
        )
        connection.reply(.recipientOK)
        return true
    }

    /// Forgets the transaction, frees what its body holds, and gives back what it set aside of the account's allowance.
    mutating func endTransaction() {
        if let charge = state.transaction?.charge { services.sending.giveBack(charge) }
        state.transaction = nil
        state.client = nil
        intake = nil
    }
}
