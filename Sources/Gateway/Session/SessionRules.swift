// SPDX-License-Identifier: Apache-2.0

import Pipeline
import SMTPWire
import Settings

/// Which command is allowed when: the check half of each command, apart from its effect.
enum SessionRules {
    /// The reply that refuses `command` now; nil when it may go on.
    static func refusal(of command: SMTPCommand, in state: SessionState) -> Reply? {
        switch command {
        case .rset, .noop, .quit, .help, .vrfy: nil
        // RFC 2033 section 4.1: one or the other.
        case .ehlo, .helo: state.speaksLMTP ? .unrecognizedCommand : nil
        case .lhlo: state.speaksLMTP ? nil : .unrecognizedCommand
        case .xforward: client(in: state)
        case .expn: .notImplemented
        case .startTLS: startTLS(in: state)
        case .auth: authentication(in: state)
        case .mail: mail(in: state)
        case .rcpt: recipient(in: state)
        case .data: data(in: state)
        case .bdat: chunk(in: state)
        }
    }

    private static func startTLS(in state: SessionState) -> Reply? {
        if !state.offersTLS { return .notImplemented }
        if state.isEncrypted || state.extended == nil { return .badSequence }
        return nil
    }

    private static func authentication(in state: SessionState) -> Reply? {
        if !state.role.isForUsers { return .notImplemented }
        if !state.isEncrypted { return .encryptionRequiredForAuth }
        if state.extended == nil || state.account != nil || state.transaction != nil { return .badSequence }
        return nil
    }

    private static func mail(in state: SessionState) -> Reply? {
        if state.role == .local, state.caller == nil { return .unknownCaller }
        if state.role.isForUsers {
            if !state.isEncrypted { return .mustStartTLS }
            if !state.origin.isOurs { return .authenticationRequired }
        }
        if state.extended == nil || state.transaction != nil { return .badSequence }
        return nil
    }

    /// XFORWARD is believed where the settings say so, and only before MAIL.
    private static func client(in state: SessionState) -> Reply? {
        if state.filter?.forwardsClient != true { return .notImplemented }
        if state.extended == nil || state.transaction != nil { return .badSequence }
        return nil
    }

    private static func recipient(in state: SessionState) -> Reply? {
        guard let transaction = state.transaction, !transaction.isChunking else { return .badSequence }
        return nil
    }

    private static func data(in state: SessionState) -> Reply? {
        guard let transaction = state.transaction, !transaction.isChunking else { return .badSequence }
        if !transaction.recipients.isEmpty { return nil }
        return transaction.asked > 0 ? .noValidRecipients : .badSequence
    }

    /// The octets of a refused chunk still follow; the framing swallows them.
    private static func chunk(in state: SessionState) -> Reply? {
        guard let transaction = state.transaction else { return .badSequence }
        if !transaction.recipients.isEmpty { return nil }
        return transaction.asked > 0 ? .noValidRecipients : .badSequence
    }
}

extension Reply {
    static let unknownCaller = Reply(
        .permanent,
        50,
        .notAuthorized,
        "this user of the machine may not send mail here; its administrator can list it in a [[caller]] of postern.toml"
    )
    static let tooManyThisHour = Reply(
        .transient,
        50,
        .securityOther,
        "this user has sent as many messages as it may in an hour, try again later"
    )
}
