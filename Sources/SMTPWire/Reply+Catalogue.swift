// SPDX-License-Identifier: Apache-2.0

/// The replies that the gateway gives. Texts are generic: what a peer reads tells nothing about other users or about our insides.
extension Reply {
    // MARK: 2yz

    /// The greeting: `220 host ESMTP`.
    ///
    /// No product name, no version.
    package static func greeting(_ hostname: String) -> Reply { Reply(.success, 20, nil, "\(hostname) ESMTP") }

    /// The greeting of a listener that speaks LMTP.
    package static func lmtpGreeting(_ hostname: String) -> Reply { Reply(.success, 20, nil, "\(hostname) LMTP") }

    /// The answer to EHLO: the host name, then one keyword with its parameters a line.
    ///
    /// Carries no enhanced code (RFC 2034 §4).
    package static func ehlo(_ hostname: String, keywords: [String]) -> Reply {
        Reply(.success, 50, nil, lines: [hostname] + keywords)
    }

    /// The answer to HELO; no enhanced code either.
    package static func helo(_ hostname: String) -> Reply { Reply(.success, 50, nil, hostname) }

    package static let readyForTLS = Reply(.success, 20, .other, "ready to start TLS")
    package static let goodbye = Reply(.success, 21, .other, "goodbye")
    package static let authenticated = Reply(.success, 35, .securityOther, "authenticated")
    package static let ok = Reply(.success, 50, .other, "ok")
    package static let senderOK = Reply(.success, 50, EnhancedStatus(1, 0), "sender ok")
    package static let recipientOK = Reply(.success, 50, .destinationValid, "recipient ok")
    package static let cannotVerify = Reply(.success, 52, .protocolOther, "send some mail, it will be tried")
    package static let help = Reply(.success, 14, .other, "see RFC 5321")

    /// The answer to end-of-data once the message is durable; `id` is what the operator's `trace` takes.
    package static func queued(_ id: String) -> Reply { Reply(.success, 50, .other, "queued as \(id)") }

    /// The answer to end-of-data once the next server has the message.
    package static func passedOn(_ id: String) -> Reply { Reply(.success, 50, .other, "passed on as \(id)") }

    /// The answer to a BDAT chunk that is not the last (RFC 3030 §4.1).
    package static func chunkOK(_ octets: Int) -> Reply { Reply(.success, 50, .other, "\(octets) octets received") }

    // MARK: 3yz

    package static let startMailInput = Reply(.intermediate, 54, nil, "end data with <CR><LF>.<CR><LF>")

    /// A SASL challenge; `challenge` in the clear, encoded here.
    package static func authChallenge(_ challenge: [UInt8] = []) -> Reply {
        Reply(.intermediate, 34, nil, String(decoding: Base64.encode(challenge), as: UTF8.self))
    }

    // MARK: 4yz

    package static let shuttingDown = Reply(.transient, 21, .systemNotAccepting, "closing down, try again later")
    package static let locked = Reply(.transient, 21, .systemNotAccepting, "not yet unlocked, try again later")
    package static let timedOut = Reply(.transient, 21, .badConnection, "timed out, closing")
    package static let tooManyErrors = Reply(.transient, 21, .protocolOther, "too many errors, closing")
    package static let tooManyConnections = Reply(
        .transient,
        21,
        .securityOther,
        "too many connections, try again later"
    )
    package static let tryAgainLater = Reply(.transient, 50, .securityOther, "not now, try again later")
    package static let accountLimit = Reply(
        .transient,
        50,
        .notAuthorized,
        "sending limit of this account reached, try again later"
    )
    package static let localError = Reply(.transient, 51, .systemOther, "local error, try again later")
    package static let cannotTell = Reply(
        .transient,
        51,
        .noAnswerFromHost,
        "cannot verify the recipient now, try again later"
    )
    package static let mailboxBusy = Reply(.transient, 52, .mailboxFull, "mailbox full")
    package static let insufficientStorage = Reply(.transient, 52, .systemFull, "insufficient storage, try again later")
    package static let tooManyRecipients = Reply(.transient, 52, .tooManyRecipients, "too many recipients")
    package static let tlsUnavailable = Reply(.transient, 54, .securityOther, "TLS not available now")
    package static let authUnavailable = Reply(
        .transient,
        54,
        .securityOther,
        "cannot authenticate now, try again later"
    )

    // MARK: 5yz

    package static let unrecognizedCommand = Reply(.permanent, 0, .invalidCommand, "command not recognized")
    package static let lineTooLong = Reply(.permanent, 0, .syntaxError, "line too long")
    package static let authLineTooLong = Reply(.permanent, 0, .authLineTooLong, "authentication line too long")
    package static let syntaxError = Reply(.permanent, 1, .invalidArguments, "syntax error in arguments")
    package static let badBase64 = Reply(.permanent, 1, .syntaxError, "cannot decode base64")
    package static let authCancelled = Reply(.permanent, 1, .securityOther, "authentication cancelled")
    package static let badSenderSyntax = Reply(.permanent, 1, .badSenderSyntax, "sender address syntax")
    package static let badRecipientSyntax = Reply(.permanent, 1, .badDestinationSyntax, "recipient address syntax")
    package static let notImplemented = Reply(.permanent, 2, .invalidCommand, "command not implemented")
    package static let badSequence = Reply(.permanent, 3, .invalidCommand, "bad sequence of commands")
    package static let bytesAfterStartTLS = Reply(.permanent, 54, .protocolOther, "bytes after STARTTLS, closing")
    package static let unknownMechanism = Reply(.permanent, 4, .invalidArguments, "mechanism not supported")
    package static let hostAcceptsNoMail = Reply(.permanent, 21, .systemNotAccepting, "no mail accepted here")
    package static let authenticationRequired = Reply(.permanent, 30, .securityOther, "authentication required")
    package static let mustStartTLS = Reply(.permanent, 30, .securityOther, "STARTTLS first")
    package static let badCredentials = Reply(.permanent, 35, .badCredentials, "authentication failed")
    /// RFC 8689 §4.2: the parameter counts only inside TLS.
    package static let requireTLSInClear = Reply(.permanent, 30, .encryptionRequired, "STARTTLS before REQUIRETLS")
    package static let encryptionRequiredForAuth = Reply(.permanent, 38, .encryptionRequired, "STARTTLS before AUTH")
    package static let noSuchMailbox = Reply(.permanent, 50, .badMailbox, "no such mailbox here")
    package static let notAuthorized = Reply(.permanent, 50, .notAuthorized, "not authorized")
    package static let relayDenied = Reply(.permanent, 50, .notAuthorized, "no relaying")
    package static let protectionRequired = Reply(.permanent, 50, .notAuthorized, "encryption required, no usable key")
    package static let messageTooLarge = Reply(.permanent, 52, .messageTooLargeForSystem, "message too large")
    package static let headerTooLarge = Reply(.permanent, 52, .messageTooLargeForSystem, "header section too large")
    package static let senderNotYours = Reply(.permanent, 53, .notAuthorized, "not an address of yours")
    package static let badRecipientAddress = Reply(
        .permanent,
        53,
        .badDestinationSyntax,
        "recipient address not allowed"
    )
    package static let badSenderAddress = Reply(.permanent, 53, .badSenderSyntax, "sender address not allowed")
    package static let needsSMTPUTF8 = Reply(.permanent, 53, .nonASCIIAddress, "address needs SMTPUTF8")
    package static let transactionFailed = Reply(.permanent, 54, .other, "transaction failed")
    package static let notForYou = Reply(.permanent, 54, .securityOther, "no mail taken from this address")
    package static let filteredBefore = Reply(.permanent, 54, .routingLoop, "came by this filter before")
    package static let noValidRecipients = Reply(.permanent, 54, .protocolOther, "no valid recipients")
    package static let tooManyHops = Reply(.permanent, 54, .routingLoop, "too many hops")
    package static let badContent = Reply(.permanent, 54, .contentOther, "message content not acceptable")
    package static let bareLineEnding = Reply(.permanent, 54, .contentOther, "bare CR or LF, closing")
    package static let unknownParameter = Reply(.permanent, 55, .invalidArguments, "parameter not recognized")

    /// The same codes with another text.
    package func saying(_ text: String) -> Reply { Reply(`class`, code % 100, status, text) }
}
