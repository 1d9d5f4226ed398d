// SPDX-License-Identifier: Apache-2.0

import LocalMail
import Mail
import Pipeline
import Privacy
import Settings

/// The users of this machine whose programs send mail: what each may send as, and how much.
final class LocalCallers: Sendable {
    private let settings: PosternSettings
    private let time: Time
    private let header: LocalHeader
    private let tallies: CallerTallies

    init(settings: PosternSettings, tallies: CallerTallies, time: Time) {
        self.tallies = tallies
        self.settings = settings
        self.time = time
        header = LocalHeader(domain: settings.localDomain)
    }

    /// What a user may do; nil when it may not send at all.
    ///
    /// Asks the machine's user database, which may take a while.
    @concurrent
    func caller(userID: UInt32) async -> LocalCaller? {
        let login = UserDatabase.name(ofUser: userID)
        let tables = settings.callers.filter { lists($0, userID, login) }
        guard !tables.isEmpty else { return unlisted(userID, login) }
        let sendAs = tables.flatMap(\.sendAs)
        guard let address = Self.address(sendAs, login: login ?? "user\(userID)") else { return nil }
        let most = tables.map { $0.messagesPerHour ?? settings.sendmail.messagesPerHour }.max()
        return LocalCaller(
            userID: userID,
            address: address,
            sendAs: sendAs,
            messagesPerHour: most ?? settings.sendmail.messagesPerHour
        )
    }

    private func unlisted(_ userID: UInt32, _ login: String?) -> LocalCaller? {
        guard settings.sendmail.unlisted == .ownAddress, let login,
            let address = EmailAddress(localPart: login, domain: settings.localDomain)
        else { return nil }
        return LocalCaller(
            userID: userID,
            address: address,
            sendAs: [.address(address)],
            messagesPerHour: settings.sendmail.messagesPerHour
        )
    }

    private func lists(_ caller: Caller, _ userID: UInt32, _ login: String?) -> Bool {
        let isNamed = caller.users.contains { user in
            switch user {
            case .number(let number): number == userID
            case .name(let name): name == login
            }
        }
        if isNamed || caller.groups.isEmpty { return isNamed }
        let groups = login.map(UserDatabase.groups(ofUser:)) ?? []
        return caller.groups.contains { group in
            switch group {
            case .number(let number): groups.contains(number)
            case .name(let name): UserDatabase.group(named: name).map(groups.contains) == true
            }
        }
    }

    /// The first whole address, else the login name at the first domain.
    private static func address(_ sendAs: [AddressPattern], login: String) -> EmailAddress? {
        for case .address(let address) in sendAs { return address }
        for case .domain(let domain) in sendAs { return EmailAddress(localPart: login, domain: domain) }
        return nil
    }

    /// What the answer to EHLO tells `sendmail`.
    func keyword(for caller: LocalCaller?) -> String {
        "XPOSTERN " + settings.localDomain.wire + (caller.map { " " + $0.address.wire } ?? "")
    }

    /// Counts a message of the caller; false when it is one too many for this hour.
    func mayStart(_ caller: LocalCaller) -> Bool {
        tallies.mayStart(caller.userID, limit: caller.messagesPerHour, now: time.boot())
    }

    /// Counts a connection of a user in; false when it is one too many.
    func enter(_ userID: UInt32) -> Bool { tallies.enter(userID, limit: settings.limits.connectionsPerAddress) }

    func leave(_ userID: UInt32) { tallies.leave(userID) }

    /// The header with whole addresses and a From.
    func completed(_ header: HeaderSection, from caller: LocalCaller, fullName: String? = nil) -> HeaderSection {
        self.header.completed(
            header,
            sender: caller.address,
            maySend: { caller.maySend(as: $0, tagSeparator: settings.tagSeparator) },
            fullName: fullName
        )
    }

    /// The address that a program means by `text`.
    func address(_ text: String) -> EmailAddress? { header.address(text) }
}
