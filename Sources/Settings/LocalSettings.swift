// SPDX-License-Identifier: Apache-2.0

package import Mail

/// A user or group of this machine, by name or by number.
package enum AccountReference: Sendable, Hashable {
    case name(String)
    case number(UInt32)
}

/// One `[[caller]]`: whose programs may send as whom.
package struct Caller: Sendable {
    package var users: [AccountReference]
    package var groups: [AccountReference]
    /// The first address without a star is the one that is used when a program names none.
    package var sendAs: [AddressPattern]
    /// Nil: as `[sendmail]` says.
    package var messagesPerHour: Int?
    package var line: Int

    package init(
        users: [AccountReference] = [],
        groups: [AccountReference] = [],
        sendAs: [AddressPattern],
        messagesPerHour: Int? = nil,
        line: Int = 0
    ) {
        self.users = users
        self.groups = groups
        self.sendAs = sendAs
        self.messagesPerHour = messagesPerHour
        self.line = line
    }
}

/// `[sendmail]`: mail from programs of this machine.
package struct SendmailSettings: Sendable {
    /// What becomes of users that no `[[caller]]` lists.
    package enum Unlisted: String, Sendable, CaseIterable {
        /// They may send as their login name at our domain.
        case ownAddress = "own-address"
        /// They may not send.
        case refuse
    }

    /// What names without a domain get; nil: the gateway's host name.
    package var domain: Domain?
    package var unlisted = Unlisted.ownAddress
    package var messagesPerHour = 500

    package init() {}
}

/// `[spool]`: where programs leave sealed mail while the gateway is down.
package struct SpoolSettings: Sendable, Hashable {
    package var directory: String
    /// Of one user.
    package var messages: Int
    /// Of one user.
    package var bytes: Int

    /// Where `postern sendmail` looks when nothing tells it another place.
    package static let defaultDirectory = "/var/spool/postern"

    package init(directory: String, messages: Int = 1000, bytes: Int = 256 << 20) {
        self.directory = directory
        self.messages = messages
        self.bytes = bytes
    }
}

extension PosternSettings {
    /// What names without a domain get, in mail from programs of this machine.
    package var localDomain: Domain { sendmail.domain ?? hostname }
}
