// SPDX-License-Identifier: Apache-2.0

import Accounts
import Control
import Mail
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
        let users = data.accounts.list().map {
            UserSummary(
                name: $0.name.text,
                addresses: $0.addresses.map(\.wire),
                forwardsTo: $0.forward?.targets.map(\.wire),
                keepsCopy: $0.forward?.keepsCopy
            )
        }
        let aliases = data.accounts.aliases().map {
            AliasSummary(address: $0.address.wire, targets: $0.targets.map(\.wire))
        }
        return .users(users, aliases: aliases)
    }

    private func change(_ request: ControlRequest) async throws -> ControlResponse {
        switch request {
        case .addUser(let name, let password, let addresses):
            return try await addUser(name, password, addresses)
        case .changePassword(let text, let password):
            let name = try Self.name(text)
            try await data.accounts.setPassword(Array(password.utf8), of: name)
            return .done("The password of \(name.text) is changed.")
        case .removeUser(let text):
            let name = try Self.name(text)
            try await data.accounts.remove(name)
            return .done(
                "The user \(name.text) is removed. The mailbox \(data.path)/mail/\(name.text) stays; delete it by hand."
            )
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

    private func addUser(_ text: String, _ password: String, _ addresses: [String]) async throws -> ControlResponse {
        let name = try Self.name(text)
        let own = addresses.isEmpty ? [try defaultAddress(of: name)] : try addresses.map { try Self.address($0) }
        try await data.accounts.add(Account(name: name, addresses: own), password: Array(password.utf8))
        return .done("The user \(name.text) is added, with the mail of \(Self.list(own)).\(warning(own))")
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

    /// Says which of the addresses no mail reaches by the settings.
    private func warning(_ addresses: [EmailAddress]) -> String {
        let elsewhere = addresses.filter { address in
            guard case .maildir = settings.route(for: address.domain)?.target else { return true }
            return false
        }
        guard !elsewhere.isEmpty else { return "" }
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
