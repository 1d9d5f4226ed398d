// SPDX-License-Identifier: Apache-2.0

/// What an operator may ask of a gateway.
///
/// The same requests are answered from the files when no gateway runs.
///
/// Requests travel over a socket that only root and the gateway's own user may open; they hold addresses in clear and are never logged.
package enum ControlRequest: Codable, Sendable {
    case status
    /// The facts of ``status`` as Prometheus text.
    case metrics
    /// The next hops that can't be reached; with names only for an operator who asks for them.
    case troubledHops(withNames: Bool)
    /// Lines of the in-memory log with a number above `after`.
    case log(after: Int)
    /// Where a message is, by the id in its `250`.
    case trace(id: String)
    /// What would happen to mail for `address`, and why; `connects`: connect to its mail hosts too, and send nothing.
    case explain(address: String, connects: Bool)
    /// To which hosts mail was encrypted lately, and so must be again.
    case listRatchet
    /// Forgets that for a domain, or for one of its hosts.
    case forgetRatchet(domain: String, host: String?)
    /// One certificate, binary, third-party signatures already stripped, at most 1 MiB.
    case importKey(certificate: [UInt8])
    case listKeys
    /// `selector`: a fingerprint, the end of one (at least 16 digits), or an address.
    case showKey(selector: String)
    case removeKey(selector: String)
    case exportKey(selector: String)
    case addUser(NewUser)
    /// `scram`: whether there is a record for SCRAM from now on; nil: as before.
    case changePassword(name: String, password: String, scram: Bool?)
    case removeUser(name: String)
    /// What a user, or a login at Dovecot, may send as: addresses, or `*@example.org`.
    case changeSendAs(name: String, add: [String], remove: [String])
    case listUsers
    /// How many times `[limits.account]` the account may send.
    case setLimit(name: String, times: Int)
    case addAlias(address: String, targets: [String])
    case removeAlias(address: String)
    /// No targets: the user's mail stays here.
    case setForward(name: String, targets: [String], keepsCopy: Bool)
    case listQueue(QueueFilter)
    case showQueued(id: String, withAddresses: Bool)
    /// How many messages and copies the filter finds, whatever its limit.
    case countQueue(QueueFilter)
    /// `ids`: message ids, or one copy of a message as `id/number`.
    case act(QueueAction, ids: [String])
    /// The same for everything that the filter finds, whatever its limit.
    case actOnAll(QueueAction, QueueFilter)
    /// Messages that ended where the RFCs forbid a bounce; readable for seven days.
    case listDiscarded
    /// The beginning of a discarded message.
    case readDiscarded(id: String)
    case listPeers
    /// `key`: the fingerprint of the primary key that the operators compared.
    case addPeer(domain: String, key: String)
    /// Nil: all of them.
    case refreshPeers(domain: String?)
    case removePeer(domain: String)
    case makeStatement(StatementWishes)
    /// A certificate chain for the vault.
    case importChain(NewChain)
    case listCertificates
    /// The key that is to be used next, made where there is none for these names.
    case nextServerKey(NextKeyOrder)
    /// `selector`: a name that the certificate is for, or the beginning of its or its key's SHA-256.
    case removeCertificate(selector: String)
    /// Whether TLSA records for our keys are published.
    case declarePins(published: Bool)
    /// What is kept of TLS reports; the domains of our own counts only for an operator who asks for them.
    case tlsReports(withDomains: Bool)
    case vaultStatus
    case stop
    /// Reads the settings again, and goes on with the new ones.
    case reload
    /// Stops taking and sending mail, and forgets every key.
    case lock
    case unlock(UnlockSecret)
}

/// What opens a locked gateway.
package enum UnlockSecret: Codable, Sendable {
    /// The credential or file that the settings name.
    case configured
    case passphrase([UInt8])
    case keyFile([UInt8])
}

/// What the operator wants in the commitment statement that is to be signed.
package struct StatementWishes: Codable, Sendable {
    /// Nil: the one domain whose mail comes here.
    package var domain: String?
    /// Empty: this host.
    package var mailHosts: [String] = []
    /// Of keys that the gateway does not know: those of other mail hosts of the domain.
    package var pins: [String] = []
    package var nextPins: [String] = []
    package var onion: String?
    package var days: Int = 30
    package var nextKey: String?

    package init() {}
}

/// A user to add.
package struct NewUser: Codable, Sendable {
    package var name: String
    package var password: String
    /// Empty: the name at the first domain whose mail comes here.
    package var addresses: [String]
    /// What they may send as besides: addresses, or `*@example.org`.
    package var sendAs: [String]
    /// Whether they can sign in with SCRAM.
    package var scram: Bool
    /// No soft start: the operator knows them.
    package var isEstablished: Bool

    package init(
        name: String,
        password: String,
        addresses: [String] = [],
        sendAs: [String] = [],
        scram: Bool = false,
        isEstablished: Bool = false
    ) {
        self.name = name
        self.password = password
        self.addresses = addresses
        self.sendAs = sendAs
        self.scram = scram
        self.isEstablished = isEstablished
    }
}

/// Which waiting messages to list.
package struct QueueFilter: Codable, Sendable {
    /// `ready`, `held`, `leased`, `set-aside`, or nil for all.
    package var state: String?
    /// Only what arrived at least so many seconds ago.
    package var olderThan: Int?
    /// Only what arrived at or before this, in milliseconds since 1970 by the gateway's clock.
    package var arrivedBy: Int64?
    /// Only what is for this next hop: a domain, a host, `host:port`, `maildir`, or the eight digits that lists show.
    package var hop: String?
    package var limit: Int
    /// Whether addresses, and what the other side said, are part of the answer.
    package var withAddresses: Bool

    package init(
        state: String? = nil,
        olderThan: Int? = nil,
        hop: String? = nil,
        limit: Int = 200,
        withAddresses: Bool = false
    ) {
        self.state = state
        self.olderThan = olderThan
        self.hop = hop
        self.limit = limit
        self.withAddresses = withAddresses
    }
}

/// What an operator may do to waiting messages.
package enum QueueAction: String, Codable, Sendable, CaseIterable {
    case retry, hold, release, drop
}
