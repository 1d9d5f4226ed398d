// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Mail

/// A user: who may sign in, what mail is theirs, and which folder it goes to.
package struct Account: Sendable, Hashable {
    /// Login and name of the folder `mail/NAME`, the only name that is ever in clear on the disk.
    package let name: AccountName
    /// Mail for these is the user's, and these the user may send as.
    package let addresses: [EmailAddress]
    /// Where their mail goes on to; nil when it stays here.
    package let forward: Forward?
    /// What the user may send as besides; mail for these goes elsewhere.
    package let sendAs: [AddressPattern]

    package init(
        name: AccountName,
        addresses: [EmailAddress],
        forward: Forward? = nil,
        sendAs: [AddressPattern] = []
    ) {
        self.name = name
        self.addresses = addresses
        self.forward = forward
        self.sendAs = sendAs
    }
}

/// Where a user's mail goes on to.
package struct Forward: Sendable, Hashable {
    package let targets: [EmailAddress]
    /// Whether the mailbox gets it too.
    package let keepsCopy: Bool

    package init(targets: [EmailAddress], keepsCopy: Bool) {
        self.targets = targets
        self.keepsCopy = keepsCopy
    }
}

/// Who signs in: one of our own users, or a login that Dovecot knows.
///
/// Of our own: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit; upper case is folded. So it holds no slash,
/// cannot be `.` or `..`, is never a hidden file, and so is safe as the name of a folder. A login at Dovecot never names one.
package struct AccountName: Hashable, Sendable, Comparable {
    /// Who knows the password.
    package enum Home: Sendable, Hashable {
        case own
        case dovecot
    }

    package let text: String
    package let home: Home

    package init?(_ text: String) {
        let folded = text.lowercased()
        let isSafe = folded.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (48...57).contains(byte) || byte == 46 || byte == 95 || byte == 45
        }
        guard (1...64).contains(folded.utf8.count), isSafe, let first = folded.utf8.first, first != 46, first != 95,
            first != 45
        else { return nil }
        self.text = folded
        home = .own
    }

    /// A login at Dovecot, as Dovecot answers it: 1 to 255 bytes without control characters; upper case is folded.
    package init?(dovecotLogin text: String) {
        let folded = text.lowercased()
        guard (1...255).contains(folded.utf8.count), folded.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            return nil
        }
        self.text = folded
        home = .dovecot
    }

    /// Tells own users and logins at Dovecot apart, in ids of records.
    var recordID: [UInt8] {
        Array((home == .own ? "own:" : "dovecot:").utf8) + Array(text.utf8)
    }

    package static func < (lhs: AccountName, rhs: AccountName) -> Bool {
        lhs.text == rhs.text ? lhs.home == .own && rhs.home == .dovecot : lhs.text < rhs.text
    }
}

/// An address that stands for others.
package struct Alias: Sendable, Hashable {
    package let address: EmailAddress
    package let targets: [EmailAddress]

    package init(address: EmailAddress, targets: [EmailAddress]) {
        self.address = address
        self.targets = targets
    }
}

/// Why an account or alias could not be changed.
package enum AccountError: Error, Sendable, Equatable {
    case exists
    case unknown
    /// The address belongs to another account or is an alias.
    case addressTaken
    case noAddresses
    /// 8 to 1,024 bytes are asked for.
    case badPassword
    /// SCRAM needs a password of printable ASCII characters (no SASLprep here).
    case badSCRAMPassword
    /// An alias or a forward needs 1 to 100 targets.
    case badAlias
    /// An alias or a forward whose mail would come back to it.
    case circle
    /// At most 100 for one account.
    case tooManySendAs
    /// 1 to 1,000 times the limits.
    case badLimit

    package var sentence: String {
        switch self {
        case .exists: "There is a user of that name already."
        case .unknown: "There is no such user or alias."
        case .addressTaken: "The address belongs to another user or alias already."
        case .noAddresses: "A user needs at least one address."
        case .badPassword: "A password must have 8 to 1,024 bytes."
        case .badSCRAMPassword:
            "A password for SCRAM may hold printable ASCII characters only; choose another, or leave --scram out."
        case .badAlias: "An alias or a forward needs 1 to 100 other addresses."
        case .circle:
            "Its mail would come back to it in a circle; leave out the target that leads back, or change that one first."
        case .badLimit: "An account may be given 1 to 1,000 times the limits."
        case .tooManySendAs: "An account may have at most 100 send-as entries; a whole domain is written *@example.org."
        }
    }
}

/// What a stored account record holds.
struct AccountRecord: Codable {
    var name: String
    var addresses: [String]
    var verifier: PasswordVerifier
    /// Absent in records of users without a forward.
    var forwardTargets: [String]?
    var keepsCopy: Bool?
    /// For those who asked for SCRAM.
    var scram: SCRAMVerifier?
    var sendAs: [String]?
    /// Seconds since 1970; nil for accounts from before this was kept, and for those that the operator vouches for.
    var created: Int64?
    /// How many times the limits this account may send; nil: once.
    var limitTimes: Int?

    var account: Account? {
        AccountName(name).map { name in
            Account(
                name: name,
                addresses: addresses.compactMap { EmailAddress($0) },
                forward: forward,
                sendAs: (sendAs ?? []).compactMap { AddressPattern($0) }
            )
        }
    }

    var forward: Forward? {
        let targets = (forwardTargets ?? []).compactMap { EmailAddress($0) }
        return targets.isEmpty ? nil : Forward(targets: targets, keepsCopy: keepsCopy ?? false)
    }
}

/// What is kept of an account whose password only Dovecot knows.
struct DovecotAccountRecord: Codable {
    var login: String
    var sendAs: [String] = []
    /// Seconds since 1970 at the first sign-in; nil before it.
    var firstSeen: Int64?
    var limitTimes: Int?

    var name: AccountName? { AccountName(dovecotLogin: login) }
}

/// What a stored alias record holds.
struct AliasRecord: Codable {
    var address: String
    var targets: [String]

    var alias: Alias? {
        EmailAddress(address).map { Alias(address: $0, targets: targets.compactMap { EmailAddress($0) }) }
    }
}
