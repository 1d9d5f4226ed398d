// SPDX-License-Identifier: Apache-2.0

/// What an operator may ask of a gateway.
///
/// The same requests are answered from the files when no gateway runs.
///
/// Requests travel over a socket that only root and the gateway's own user may open; they hold addresses in clear and are never logged.
package enum ControlRequest: Codable, Sendable {
    case status
    /// Lines of the in-memory log with a number above `after`.
    case log(after: Int)
    /// Where a message is, by the id in its `250`.
    case trace(id: String)
    /// What would happen to mail for `address`, and why.
    case explain(address: String)
    /// One certificate, binary, third-party signatures already stripped, at most 1 MiB.
    case importKey(certificate: [UInt8])
    case listKeys
    /// `selector`: a fingerprint, the end of one (at least 16 digits), or an address.
    case showKey(selector: String)
    case removeKey(selector: String)
    case exportKey(selector: String)
    case addUser(name: String, password: String, addresses: [String])
    case changePassword(name: String, password: String)
    case removeUser(name: String)
    case listUsers
    case addAlias(address: String, targets: [String])
    case removeAlias(address: String)
    case listQueue(QueueFilter)
    case showQueued(id: String, withAddresses: Bool)
    /// How many messages and copies wait in `state` (nil: in any).
    case countQueue(state: String?)
    /// `ids`: message ids, or one copy of a message as `id/number`.
    case act(QueueAction, ids: [String])
    /// The same for every waiting copy in `state` (nil: in any).
    case actOnAll(QueueAction, state: String?)
    /// Messages that ended where the RFCs forbid a bounce; readable for seven days.
    case listDiscarded
    /// The beginning of a discarded message.
    case readDiscarded(id: String)
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

/// Which waiting messages to list.
package struct QueueFilter: Codable, Sendable {
    /// `ready`, `held`, `leased`, `set-aside`, or nil for all.
    package var state: String?
    package var limit: Int
    /// Whether sender and recipient are part of the answer.
    package var withAddresses: Bool

    package init(state: String? = nil, limit: Int = 200, withAddresses: Bool = false) {
        self.state = state
        self.limit = limit
        self.withAddresses = withAddresses
    }
}

/// What an operator may do to waiting messages.
package enum QueueAction: String, Codable, Sendable, CaseIterable {
    case retry, hold, release, drop
}
