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
            UserSummary(name: $0.name.text, addresses: $0.addresses.map(\.wire))
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
            let alias = Alias(address: try Self.address(text), targets: try targets.map { try Self.address($0) })
            try await data.accounts.setAlias(alias)
            return .done("\(alias.address.wire) stands for \(Self.list(alias.targets)).\(warning([alias.address]))")
        case .removeAlias(let text):
            let address = try Self.address(text)
            try await data.accounts.removeAlias(address)
            return .done("The alias \(address.wire) is removed.")
        default:
            return listUsers()
        }
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
