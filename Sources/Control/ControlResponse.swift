// SPDX-License-Identifier: Apache-2.0

package import Privacy

/// The gateway's answer to one ``ControlRequest``.
package enum ControlResponse: Codable, Sendable {
    case status(StatusReport)
    case troubledHops([StatusReport.TroubledHop])
    case log([LogLine])
    case trace(TraceReport)
    case explanation(Explanation)
    case ratchet([RatchetSummary])
    case keys([KeySummary])
    /// What became of one certificate that was to be imported; said for a refused one too.
    case imported(KeyImport)
    /// Text as it is: an armored certificate, a discarded message, metrics.
    case exported(String)
    case users([UserSummary], aliases: [AliasSummary])
    case queue([QueueEntry])
    /// Waiting messages, and their copies; `asOf` goes into ``QueueFilter/arrivedBy`` of what is then done to them.
    case count(messages: Int, copies: Int, asOf: Int64)
    case discarded([DiscardedEntry])
    case peers([PeerSummary])
    case certificates(CertificateReport)
    case nextKey(NextKeyReport)
    case tlsReports(TLSReportPicture)
    case vault(VaultReport)
    /// It was done; the sentence says what.
    case done(String)
    /// It was not done; the sentence says why and what to do.
    case refused(String)
}

/// Each copy of one message.
package struct TraceReport: Codable, Sendable {
    package var id: String
    package var copies: [Copy]

    package struct Copy: Codable, Sendable {
        package var number: Int
        package var state: String
        package var protection: String
        package var attempts: Int
        /// Seconds since 1970; nil when no further try is due.
        package var nextTry: Int?
        package var lastReply: String?
        /// For a replaced copy: the id of the message that took its place.
        package var replacedBy: String?

        package init(
            number: Int,
            state: String,
            protection: String,
            attempts: Int,
            nextTry: Int?,
            lastReply: String?,
            replacedBy: String? = nil
        ) {
            self.number = number
            self.state = state
            self.protection = protection
            self.attempts = attempts
            self.nextTry = nextTry
            self.lastReply = lastReply
            self.replacedBy = replacedBy
        }
    }

    package init(id: String, copies: [Copy]) {
        self.id = id
        self.copies = copies
    }
}

/// What would happen to mail for one address: a list of steps, each with the rule that decides it.
package struct Explanation: Codable, Sendable {
    package var address: String
    package var steps: [Step]
    /// The way to the domain's mail hosts, where its route is `mx`.
    package var channel: ChannelReport?

    package struct Step: Codable, Sendable {
        /// `accept`, `route`, `protection`, `key`.
        package var question: String
        package var answer: String
        package var because: String

        package init(question: String, answer: String, because: String) {
            self.question = question
            self.answer = answer
            self.because = because
        }
    }

    package init(address: String, steps: [Step]) {
        self.address = address
        self.steps = steps
    }
}

/// That mail for a domain was encrypted to one of its hosts.
package struct RatchetSummary: Codable, Sendable {
    package var domain: String
    package var host: String
    /// In seconds since 1970.
    package var lastEncrypted: Int
    package var holdsUntil: Int

    package init(domain: String, host: String, lastEncrypted: Int, holdsUntil: Int) {
        self.domain = domain
        self.host = host
        self.lastEncrypted = lastEncrypted
        self.holdsUntil = holdsUntil
    }
}

/// One certificate in the keyring.
package struct KeySummary: Codable, Sendable {
    package var fingerprint: String
    package var userIDs: [String]
    package var addresses: [String]
    package var created: Int
    package var expires: Int?
    /// `confirmed`: the operator imported it.
    package var trust: String
    /// One sentence: usable, or why not and what to do.
    package var verdict: String
    package var usable: Bool
    /// The encryption subkeys, each in words: `RSA-4096, key ID 0123456789ABCDEF`.
    package var encryptsTo: [String]

    package init(
        fingerprint: String,
        userIDs: [String],
        addresses: [String],
        created: Int,
        expires: Int?,
        trust: String,
        verdict: String,
        usable: Bool,
        encryptsTo: [String]
    ) {
        self.fingerprint = fingerprint
        self.userIDs = userIDs
        self.addresses = addresses
        self.created = created
        self.expires = expires
        self.trust = trust
        self.verdict = verdict
        self.usable = usable
        self.encryptsTo = encryptsTo
    }
}

/// What became of one certificate.
package struct KeyImport: Codable, Sendable {
    /// Upper-case hexadecimal; empty when the certificate could not be read.
    package var fingerprint: String
    package var addresses: [String]
    package var accepted: Bool
    /// Why, or what the key can do now.
    package var sentence: String

    package init(fingerprint: String, addresses: [String], accepted: Bool, sentence: String) {
        self.fingerprint = fingerprint
        self.addresses = addresses
        self.accepted = accepted
        self.sentence = sentence
    }
}

package struct UserSummary: Codable, Sendable {
    package var name: String
    /// Empty for a login at Dovecot.
    package var addresses: [String]
    /// Where the user's mail goes on to; nil when it stays here.
    package var forwardsTo: [String]?
    /// Whether the mailbox gets it too; nil without a forward.
    package var keepsCopy: Bool?
    package var sendAs: [String]
    /// Whether Dovecot, not the gateway, knows the password.
    package var atDovecot: Bool
    package var scram: Bool
    /// Whether the account is new and may send only a tenth.
    package var softStart: Bool
    /// How many times the limits it may send; 1 for most.
    package var limitTimes: Int
    /// What was taken from the account in the last day.
    package var messagesInDay: Int
    package var recipientsInDay: Int
    /// Whether it was answered with its sending limit within the last hour.
    package var atLimit: Bool

    package init(
        name: String,
        addresses: [String],
        forwardsTo: [String]? = nil,
        keepsCopy: Bool? = nil,
        sendAs: [String],
        atDovecot: Bool,
        scram: Bool,
        softStart: Bool,
        limitTimes: Int,
        messagesInDay: Int,
        recipientsInDay: Int,
        atLimit: Bool
    ) {
        self.name = name
        self.addresses = addresses
        self.forwardsTo = forwardsTo
        self.keepsCopy = keepsCopy
        self.sendAs = sendAs
        self.atDovecot = atDovecot
        self.scram = scram
        self.softStart = softStart
        self.limitTimes = limitTimes
        self.messagesInDay = messagesInDay
        self.recipientsInDay = recipientsInDay
        self.atLimit = atLimit
    }
}

package struct AliasSummary: Codable, Sendable {
    package var address: String
    package var targets: [String]

    package init(address: String, targets: [String]) {
        self.address = address
        self.targets = targets
    }
}

/// One waiting copy.
///
/// Addresses, and the words of the other side, are there only when the operator asked for them.
package struct QueueEntry: Codable, Sendable {
    package var id: String
    package var copy: Int
    package var state: String
    package var protection: String
    package var arrived: Int
    package var attempts: Int
    package var nextTry: Int?
    /// A keyed hash of the next hop.
    package var hop: String?
    package var lastReply: String?
    package var sender: String?
    package var recipient: String?

    package init(
        id: String,
        copy: Int,
        state: String,
        protection: String,
        arrived: Int,
        attempts: Int,
        nextTry: Int?,
        hop: String?,
        lastReply: String?,
        sender: String? = nil,
        recipient: String? = nil
    ) {
        self.id = id
        self.copy = copy
        self.state = state
        self.protection = protection
        self.arrived = arrived
        self.attempts = attempts
        self.nextTry = nextTry
        self.hop = hop
        self.lastReply = lastReply
        self.sender = sender
        self.recipient = recipient
    }
}

/// One message that ended where the RFCs forbid a bounce.
package struct DiscardedEntry: Codable, Sendable {
    /// For `readDiscarded`.
    package var id: String
    /// Seconds since 1970.
    package var arrived: Int
    /// When the last of it is deleted.
    package var gone: Int?
    package var reason: String
    package var bytes: Int

    package init(id: String, arrived: Int, gone: Int?, reason: String, bytes: Int) {
        self.id = id
        self.arrived = arrived
        self.gone = gone
        self.reason = reason
        self.bytes = bytes
    }
}

/// One peer, and what its last accepted statement says; times in seconds since 1970.
package struct PeerSummary: Codable, Sendable {
    /// `current`, `ending` (a week or less is left), `expired`, `revoked`, or `lost` when its record does not open.
    package var state: String
    package var domain: String
    /// The primary key whose statements count.
    package var key: String = ""
    package var nextKey: String?
    /// From when the next key counts.
    package var nextKeyFrom: Int?
    package var level: Int?
    package var mailHosts: [String] = []
    package var pins: [String] = []
    package var nextPins: [String] = []
    package var onion: String?
    package var serial: Int?
    package var issued: Int?
    package var expires: Int?
    package var lastLook: Int?
    package var lastAccepted: Int?
    package var nextLook: Int?
    /// Sentences about what is wrong, and what follows from it.
    package var reasons: [String] = []

    package init(state: String, domain: String) {
        self.state = state
        self.domain = domain
    }
}

package struct VaultReport: Codable, Sendable {
    package var locked: Bool
    /// The slots in words: `passphrase, made 2026-11-22`.
    package var slots: [String]

    package init(locked: Bool, slots: [String]) {
        self.locked = locked
        self.slots = slots
    }
}
