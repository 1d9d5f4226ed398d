// SPDX-License-Identifier: Apache-2.0

import Accounts
import ChannelPolicy
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
    /// Set for the role `filter`.
    var filter: FilterSettings?
    /// LMTP (RFC 2033) is spoken: LHLO, and an answer for each recipient after the content.
    var speaksLMTP = false
    /// What XFORWARD has said of the client of this client, for the next transaction.
    var client: ForwardedClient?
    var isEncrypted = false
    /// The hashes of our certificates (RFC 5929); empty where one is not defined and SCRAM-SHA-256-PLUS can't be offered.
    var channelBindings: [[UInt8]] = []
    /// Of the certificate that the client showed, if it showed one.
    var clientCertificate: CertificateFingerprints?
    /// Whether any user asked for SCRAM.
    var offersSCRAM = false
    /// The client said EHLO (true) or HELO (false); nil before either.
    var extended: Bool?
    var account: Account?
    /// The user of this machine at the other end of a `local` listener's socket.
    var caller: LocalCaller?
    var transaction: Transaction?
    var errors = 0

    /// RFC 3207 section 4.2: after TLS nothing that was said before counts.
    mutating func resetForTLS() {
        isEncrypted = true
        extended = nil
        account = nil
        transaction = nil
        client = nil
    }

    var origin: Origin {
        if let filter { return filter.direction == .outbound ? .ours(.filter) : .strangers }
        if let account { return .ours(.account(account)) }
        if let caller { return .ours(.local(caller)) }
        return isInOurNetworks ? .ours(.network) : .strangers
    }

    /// RFC 3848 and RFC 6531 section 4.3: the `with` clause of our trace field.
    var protocolName: String {
        guard extended == true else { return "SMTP" }
        let isUTF8 = transaction?.mail.smtpUTF8 == true
        if speaksLMTP { return isUTF8 ? "UTF8LMTP" : "LMTP" }
        let base = isUTF8 ? "UTF8SMTP" : "ESMTP"
        return base + (isEncrypted ? "S" : "") + (account == nil ? "" : "A")
    }

    /// The lines of our answer to EHLO after the host name.
    func keywords(maxMessageBytes: Int) -> [String] {
        var words = [
            "PIPELINING", "SIZE \(maxMessageBytes)", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "DSN",
        ]
        if offersTLS && !isEncrypted { words.append("STARTTLS") }
        if isEncrypted { words.append("REQUIRETLS") }
        if role.isForUsers && isEncrypted && account == nil {
            words.append("AUTH " + mechanisms.joined(separator: " "))
        }
        if filter?.forwardsClient == true { words.append(ForwardedClient.keyword) }
        return words
    }

    private var mechanisms: [String] {
        let scram = channelBindings.isEmpty ? ["SCRAM-SHA-256"] : ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
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
