// SPDX-License-Identifier: Apache-2.0

import Accounts
import Control
import Keyring
import Mail
import OpenPGP
import Pipeline
import Privacy
import Settings

/// Says what the local rules would do with mail for an address, one step after the other.
///
/// Asks no other host; the way to mail hosts is explained apart.
struct OperatorExplanation {
    let data: DataDirectory
    let settings: PosternSettings
    let now: WallTime

    func explain(_ address: EmailAddress) async throws -> Explanation {
        // A gateway of filters alone has no other way for mail.
        let isFilterOnly = !settings.filters.isEmpty && settings.listeners.allSatisfy { $0.filter != nil }
        let routed = isFilterOnly ? [] : try await routedSteps(address)
        let filtered = try await filterSteps(address, isAlone: isFilterOnly)
        return Explanation(address: address.wire, steps: routed + filtered)
    }

    /// What every filter does with mail for the address.
    private func filterSteps(_ address: EmailAddress, isAlone: Bool) async throws -> [Explanation.Step] {
        guard !settings.filters.isEmpty else { return [] }
        let mode = effectiveMode(address)
        let finding = try await finding(address)
        var steps = isAlone ? [protectionStep(address, mode), keyStep(finding)] : []
        for listener in settings.listeners {
            guard let filter = listener.filter else { continue }
            let end = outcome("", mode, finding, ours: filter.direction == .outbound)
            steps.append(
                step(
                    "by the \(filter.direction.rawValue) filter",
                    end.answer,
                    end.because + " What is taken at \(listener.place)\(place(listener.line)) goes on to its next_hop."
                )
            )
        }
        return steps
    }

    private func routedSteps(_ address: EmailAddress) async throws -> [Explanation.Step] {
        var steps = [acceptStep(address), routeStep(address)]
        let recipient = recipient(address)
        if let step = recipientStep(recipient) { steps.append(step) }
        switch recipient {
        case .refused(let reply):
            steps.append(step("from anybody", "refused, \(reply)", "Mail for it is not taken."))
        case .alias(let targets):
            for target in targets { steps.append(try await targetStep(target)) }
        case .mailbox, .listed, .asked:
            let mode = effectiveMode(address)
            let finding = try await finding(address)
            steps += [protectionStep(address, mode), keyStep(finding)]
            steps.append(outcome("from our users", mode, finding, ours: true))
            steps.append(
                settings.accepts(address.domain)
                    ? outcome("from strangers", mode, finding, ours: false)
                    : step("from strangers", "refused, 550 5.7.1", "Its domain is not in accept.")
            )
        }
        return steps
    }

    private func effectiveMode(_ address: EmailAddress) -> ProtectionMode {
        settings.protection.effective(for: address, tagSeparator: settings.tagSeparator).mode
    }

    private func finding(_ address: EmailAddress) async throws -> KeyFinding {
        try await ProtectionRules(settings: settings, keyring: data.keyring).finding(for: address, at: now)
    }

    // MARK: - Recipient

    /// What RCPT would find out about an address without asking another host.
    private enum Recipient {
        case mailbox(AccountName)
        case alias([EmailAddress])
        case listed
        /// The next hop decides.
        case asked
        /// The reply's codes.
        case refused(String)
    }

    private func recipient(_ address: EmailAddress) -> Recipient {
        guard let route = settings.route(for: address.domain) else { return .refused("550 5.1.2") }
        if case .maildir = route.target {
            switch data.accounts.resolve(address, tagSeparator: settings.tagSeparator) {
            case .user(let name): return .mailbox(name)
            case .alias(let targets): return .alias(targets)
            case .unknown: return .refused("550 5.1.1")
            case .circular: return .refused("550 5.4.6")
            }
        }
        guard let recipients = route.recipients else { return .asked }
        let plain = settings.tagSeparator.flatMap { address.withoutTag($0) }
        return recipients.contains(address) || plain.map(recipients.contains) == true ? .listed : .refused("550 5.1.1")
    }

    private func recipientStep(_ recipient: Recipient) -> Explanation.Step? {
        switch recipient {
        case .mailbox(let name):
            step("recipient", "the mailbox mail/\(name.text)", "`postern user list` shows all.")
        case .alias(let targets):
            step("recipient", "an alias or a forward", "It stands for \(targets.map(\.wire).joined(separator: ", ")).")
        case .listed: step("recipient", "listed", "The route's recipients hold it.")
        case .asked:
            step("recipient", "the next hop is asked", "At RCPT from strangers; its answer is remembered for a while.")
        case .refused("550 5.1.2"): nil
        case .refused("550 5.4.6"):
            step(
                "recipient",
                "in a circle",
                "Its aliases and forwards lead back to it; `postern user list` shows them."
            )
        case .refused: step("recipient", "unknown", "No user, alias or list of recipients holds this address.")
        }
    }

    /// What becomes of the copy for one address behind an alias.
    private func targetStep(_ target: EmailAddress) async throws -> Explanation.Step {
        let end = outcome("", effectiveMode(target), try await finding(target), ours: true)
        let isForward = !settings.isOwn(target.domain)
        return step(
            isForward ? "forwarded to \(target.wire)" : "for \(target.wire)",
            end.answer,
            end.because + (isForward ? " Strangers' mail gets a return path of ours (SRS)." : "")
        )
    }

    // MARK: - Steps

    private func acceptStep(_ address: EmailAddress) -> Explanation.Step {
        let domain = address.domain.wire
        return settings.accepts(address.domain)
            ? step("accept", "from our users and from strangers", "accept\(line("accept")) lists \(domain).")
            : step(
                "accept",
                "from our users only",
                "accept\(line("accept")) does not list \(domain); strangers get 550 5.7.1."
            )
    }

    private func routeStep(_ address: EmailAddress) -> Explanation.Step {
        guard let route = settings.route(for: address.domain) else {
            return step(
                "route",
                "none",
                "No [[route]] is for \(address.domain.wire) or for \"*\"; mail is refused with 550 5.1.2."
            )
        }
        let domain =
            switch route.domain {
            case .any: "*"
            case .domain(let domain): domain.wire
            }
        return step("route", words(route.target), "The [[route]]\(place(route.line)) is for \"\(domain)\".")
    }

    private func words(_ target: Route.Target) -> String {
        switch target {
        case .maildir: "our own mailboxes (maildir)"
        case .lmtp(let hop): "lmtp to \(words(hop))"
        case .relay(let hop): "relay to \(words(hop))"
        case .mx: "the MX hosts of the domain"
        }
    }

    private func words(_ hop: NextHop) -> String {
        let tls =
            switch hop.tls {
            case .verify: "verified TLS"
            case .opportunistic: "STARTTLS when offered"
            case .off: "no TLS"
            }
        return switch hop.endpoint {
        case .unix(let path): path
        case .tcp(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port), \(tls)"
        }
    }

    private func protectionStep(_ address: EmailAddress, _ mode: ProtectionMode) -> Explanation.Step {
        var subjects: [ProtectionSettings.Rule.Subject] = [.address(address)]
        if let plain = settings.tagSeparator.flatMap({ address.withoutTag($0) }) { subjects.append(.address(plain)) }
        subjects.append(.domain(address.domain))
        for subject in subjects {
            guard let rule = settings.protection.rules.first(where: { $0.subject == subject }), rule.mode != nil else {
                continue
            }
            let what =
                switch subject {
                case .address(let address): "for \(address.wire)"
                case .domain(let domain): "for the domain \(domain.wire)"
                }
            return step("protection", mode.rawValue, "The [[protection.rule]]\(place(rule.line)) \(what) says so.")
        }
        return step(
            "protection",
            mode.rawValue,
            "No rule is for this address or its domain; protection.mode\(modePlace) holds."
        )
    }

    private func keyStep(_ finding: KeyFinding) -> Explanation.Step {
        switch finding {
        case .usable(let certificates):
            step(
                "key",
                "usable",
                "Confirmed by the operator: " + certificates.map(\.fingerprintText).joined(separator: ", ") + "."
            )
        case .unusable(let sentence): step("key", "there, but unusable", sentence)
        case .none: step("key", "none", "The keyring has none for this address; `postern keys import FILE` adds one.")
        }
    }

    private func outcome(_ who: String, _ mode: ProtectionMode, _ finding: KeyFinding, ours: Bool) -> Explanation.Step {
        switch (mode, finding) {
        case (.off, _): step(who, "sent in clear", "Protection is off.")
        case (.dryRun, .usable): step(who, "sent in clear", "Dry run; it would be encrypted.")
        case (.dryRun, .unusable): step(who, "sent in clear", "Dry run; it would wait for a usable key.")
        case (.dryRun, .none): step(who, "sent in clear", "Dry run, and no key is known.")
        case (_, .usable): step(who, "encrypted", "A usable key is known. What is encrypted already passes as it is.")
        case (_, .unusable) where ours: step(who, "waits", "The sender is told; it never goes out in clear.")
        case (_, .unusable): step(who, "refused for now, 450 4.7.0", "It never goes out in clear.")
        case (.opportunistic, .none): step(who, "sent in clear", "No key is known, and none is required.")
        case (.required, .none): step(who, "refused, 550 5.7.1", "No key is known, and one is required.")
        }
    }

    // MARK: - Words

    private func step(_ question: String, _ answer: String, _ because: String) -> Explanation.Step {
        Explanation.Step(question: question, answer: answer, because: because)
    }

    /// ` (postern.toml:12)` for a key of the file.
    private func line(_ key: String) -> String { place(settings.positions.line(key)) }

    /// Empty when the file does not set it: then the nearest position is that of the table around it.
    private var modePlace: String {
        let line = settings.positions.line("protection.mode")
        return line == settings.positions.line("protection") ? "" : place(line)
    }

    private func place(_ line: Int) -> String {
        line > 0 && !settings.isTryIt ? " (\(settings.positions.file):\(line))" : ""
    }
}
