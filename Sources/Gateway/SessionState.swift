// SPDX-License-Identifier: Apache-2.0

import Accounts
import Mail
import Pipeline
import Privacy
import SMTPWire
import Settings

/// What one session has come to, as far as the rules ask.
///
/// A value: no channel, no clock.
struct SessionState {
    let role: Listener.Role
    /// Whether the client's address alone makes it ours.
    let isInOurNetworks: Bool
    /// Whether the listener can start TLS.
    let offersTLS: Bool
    var isEncrypted = false
    /// The hash of our certificate (RFC 5929), where it is defined and SCRAM-SHA-256-PLUS can be offered.
    var channelBinding: [UInt8]?
    /// Whether any user asked for SCRAM.
    var offersSCRAM = false
    /// The client said EHLO (true) or HELO (false); nil before either.
    var extended: Bool?
    var account: Account?
    var transaction: Transaction?
    var errors = 0

    /// RFC 3207 section 4.2: after TLS nothing that was said before counts.
    mutating func resetForTLS() {
        isEncrypted = true
        extended = nil
        account = nil
        transaction = nil
    }

    var origin: Origin {
        if let account { return .ours(.account(account)) }
        return isInOurNetworks ? .ours(.network) : .strangers
    }

    /// RFC 3848 and RFC 6531 section 4.3: the `with` clause of our trace field.
    var protocolName: String {
        guard extended == true else { return "SMTP" }
        let base = transaction?.mail.smtpUTF8 == true ? "UTF8SMTP" : "ESMTP"
        return base + (isEncrypted ? "S" : "") + (account == nil ? "" : "A")
    }

    /// The lines of our answer to EHLO after the host name.
    func keywords(maxMessageBytes: Int) -> [String] {
        var words = [
            "PIPELINING", "SIZE \(maxMessageBytes)", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "DSN",
        ]
        if offersTLS && !isEncrypted { words.append("STARTTLS") }
        if role != .mx && isEncrypted && account == nil { words.append("AUTH " + mechanisms.joined(separator: " ")) }
        return words
    }

    private var mechanisms: [String] {
        let scram = channelBinding == nil ? ["SCRAM-SHA-256"] : ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
        return (offersSCRAM ? scram : []) + ["PLAIN", "LOGIN"]
    }
}

/// From MAIL to the reply to end-of-data.
struct Transaction {
    let mail: MailParameters
    let began: BootTime
    /// What is set aside of a signed-in account's allowance until the message is accepted.
    var charge: SendingCharge?
    /// Where the message goes, in the order of `RCPT`.
    var recipients: [AcceptedRecipient] = []
    /// How many `RCPT` came, refused ones included.
    var asked = 0
    /// A `BDAT` has come: only more of them, RSET or QUIT may follow (RFC 3030 section 2).
    var isChunking = false
}
