// SPDX-License-Identifier: Apache-2.0

import Accounts
import Control
import Mail
import Privacy
import Settings

extension Operator {
    func changeUsers(_ request: ControlRequest) async throws -> ControlResponse {
        do {
            let answer = try await change(request)
            await live?.recordsChanged()
            return answer
        } catch let error as AccountError {
            throw Refused(error.sentence)
        }
    }

    func listUsers() -> ControlResponse {
        let own = data.accounts.list().map { summary($0.name, $0.addresses) }
        let atDovecot = data.accounts.dovecotLogins().map { summary($0, []) }
        let aliases = data.accounts.aliases().map {
            AliasSummary(address: $0.address.wire, targets: $0.targets.map(\.wire))
        }
        return .users(own + atDovecot, aliases: aliases)
    }

    private func summary(_ name: AccountName, _ addresses: [EmailAddress]) -> UserSummary {
        let now = time.wall()
        let sent = data.ledger.report(on: name, now: now)
        let created = data.accounts.created(name)
        let forward = data.accounts.account(name)?.forward
        return UserSummary(
            name: name.text,
            addresses: addresses.map(\.wire),
            forwardsTo: forward?.targets.map(\.wire),
            keepsCopy: forward?.keepsCopy,
            sendAs: data.accounts.sendAs(of: name).map(\.wire),
            atDovecot: name.home == .dovecot,
            scram: data.accounts.usesSCRAM(name),
            softStart: SendingAllowance(settings.limits.account).isSoft(created: created, now: now),
            limitTimes: data.accounts.limitTimes(of: name),
            messagesInDay: sent.messages,
            recipientsInDay: sent.recipients,
            atLimit: sent.isAtLimit
        )
    }

    private func change(_ request: ControlRequest) async throws -> ControlResponse {
        switch request {
        case .addUser(let user):
            return try await addUser(user)
        case .changePassword(let text, let password, let scram):
            let name = try ownName(text)
            try await data.accounts.setPassword(Array(password.utf8), of: name, scram: scram)
            let added = data.accounts.usesSCRAM(name) ? " It works with SCRAM too." : ""
            return .done("The password of \(name.text) is changed.\(added)")
        case .removeUser(let text):
            return try await removeUser(text)
        case .changeSendAs(let text, let add, let remove):
            let name = try anyName(text)
            let added = try add.map { try Self.sendAs($0) }
            try await data.accounts.changeSendAs(of: name, add: added, remove: try remove.map { try Self.sendAs($0) })
            let list = data.accounts.sendAs(of: name).map(\.wire)
            return .done(
                list.isEmpty
                    ? "\(name.text) may send as nothing but their own addresses."
                    : "\(name.text) may send as \(list.joined(separator: ", ")) too."
            )
        case .setLimit(let text, let times):
            let name = try anyName(text)
            try await data.accounts.setLimitTimes(times, of: name)
            let amount = times == 1 ? "what [limits.account] says" : "\(times) times what [limits.account] says"
            return .done("\(name.text) may send \(amount).")
        case .addAlias(let text, let targets):
            return try await addAlias(text, targets)
        case .removeAlias(let text):
            let address = try Self.address(text)
            try await data.accounts.removeAlias(address)
            return .done("The alias \(address.wire) is removed.")
        case .setForward(let text, let targets, let keepsCopy):
            return try await setForward(text, targets, keepsCopy)
        default:
            return listUsers()
        }
    }

    private func addAlias(_ text: String, _ targets: [String]) async throws -> ControlResponse {
        let alias = Alias(address: try Self.address(text), targets: try targets.map { try Self.address($0) })
        let domain = alias.address.domain
        let hasMailboxes = settings.route(for: domain)?.target == .maildir
        let isCatchAll = alias.address.localPart == "*"
        var note = settings.isOwn(domain) ? "" : warning([alias.address])
        if isCatchAll, settings.isOwn(domain), !hasMailboxes {
            note = " Note: the mailboxes of \(domain.wire) are not here, so that this has no effect."
        }
        try await data.accounts.setAlias(alias)
        let subject = isCatchAll ? "What is nobody's at \(domain.wire) goes to" : "\(alias.address.wire) stands for"
        return .done("\(subject) \(Self.list(alias.targets)).\(note)\(outsideNote(alias.targets))")
    }

    private func setForward(_ text: String, _ targets: [String], _ keepsCopy: Bool) async throws -> ControlResponse {
        let name = try Self.name(text)
        let targets = try targets.map { try Self.address($0) }
        guard !targets.isEmpty else {
            try await data.accounts.setForward(nil, of: name)
            return .done("The mail of \(name.text) stays in the mailbox.")
        }
        try await data.accounts.setForward(Forward(targets: targets, keepsCopy: keepsCopy), of: name)
        let rest = keepsCopy ? "and stays in the mailbox too" : "and does not stay in the mailbox"
        return .done("The mail of \(name.text) goes on to \(Self.list(targets)), \(rest).\(outsideNote(targets))")
    }

    /// Says which of the targets lie outside, and which of them nothing leads to.
    private func outsideNote(_ targets: [EmailAddress]) -> String {
        let outside = targets.filter { !settings.isOwn($0.domain) }
        guard !outside.isEmpty else { return "" }
        let unreachable = outside.filter { settings.route(for: $0.domain) == nil }
        let forwarded = " Strangers' mail for \(Self.list(outside)) goes out with a return path of ours."
        guard !unreachable.isEmpty else { return forwarded }
        return forwarded + " Note: no [[route]] leads to \(Self.list(unreachable)), so that mail is refused."
    }

    private func addUser(_ user: NewUser) async throws -> ControlResponse {
        let name = try Self.name(user.name)
        let own =
            user.addresses.isEmpty ? [try defaultAddress(of: name)] : try user.addresses.map { try Self.address($0) }
        try await data.accounts.add(
            Account(name: name, addresses: own, sendAs: try user.sendAs.map { try Self.sendAs($0) }),
            password: Array(user.password.utf8),
            scram: user.scram,
            created: user.isEstablished ? nil : time.wall()
        )
        return .done("The user \(name.text) is added, with the mail of \(Self.list(own)).\(warning(own))")
    }

    private func removeUser(_ text: String) async throws -> ControlResponse {
        let name = try anyName(text)
        guard name.home == .own else {
            try await data.accounts.forgetDovecot(name)
            return .done("What was kept of \(name.text) is forgotten. The user is Dovecot's; remove it there.")
        }
        try await data.accounts.remove(name)
        return .done(
            "The user \(name.text) is removed. The mailbox \(data.path)/mail/\(name.text) stays; delete it by hand."
        )
    }

    /// One of our own users by name, else a login at Dovecot, when it is asked.
    private func anyName(_ text: String) throws(Refused) -> AccountName {
        if let name = AccountName(text), data.accounts.account(name) != nil || settings.signIn.dovecot == nil {
            return name
        }
        if settings.signIn.dovecot != nil, let name = AccountName(dovecotLogin: text) { return name }
        return try Self.name(text)
    }

    /// A user whose password is ours to change.
    private func ownName(_ text: String) throws(Refused) -> AccountName {
        let name = try anyName(text)
        if name.home == .own { return name }
        throw Refused("\(name.text) is no user of the gateway's own; change the password where Dovecot keeps it.")
    }

    private static func sendAs(_ text: String) throws(Refused) -> AddressPattern {
        if let entry = AddressPattern(text) { return entry }
        throw Refused(
            "\(text.isEmpty ? "An empty text" : text) is no mail address; write it as name@example.org, or *@example.org."
        )
    }

    /// The name at the first domain whose mail comes here.
    private func defaultAddress(of name: AccountName) throws(Refused) -> EmailAddress {
        for route in settings.routes {
            guard case .maildir = route.target, case .domain(let domain) = route.domain else { continue }
            if let address = EmailAddress(localPart: name.text, domain: domain) { return address }
        }
        throw Refused(
            "No [[route]] with `maildir = true` names a domain; say which address is \(name.text)'s with --address."
        )
    }

    /// Says which of the addresses no mail reaches by the settings; nothing where no mailboxes are kept at all.
    private func warning(_ addresses: [EmailAddress]) -> String {
        let elsewhere = addresses.filter { address in
            guard case .maildir = settings.route(for: address.domain)?.target else { return true }
            return false
        }
        let keepsMail = settings.routes.contains { if case .maildir = $0.target { true } else { false } }
        guard keepsMail, !elsewhere.isEmpty else { return "" }
        return
            " Note: no maildir route is for the domain of \(Self.list(elsewhere)), so that mail for it does not come here."
    }

    private static func name(_ text: String) throws(Refused) -> AccountName {
        if let name = AccountName(text) { return name }
        throw Refused(
            "\(text.isEmpty ? "An empty text" : text) is no user name; use 1 to 64 of a-z, 0-9, dot, dash and underscore."
        )
    }

    private static func list(_ addresses: [EmailAddress]) -> String {
        addresses.map(\.wire).joined(separator: ", ")
    }
}
