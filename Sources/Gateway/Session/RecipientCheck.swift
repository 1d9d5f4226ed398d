// SPDX-License-Identifier: Apache-2.0

import Accounts
import Delivery
import Mail
import Pipeline
import Privacy
import SMTPWire
import Settings

/// May this session's client write to this address? The whole of the relay rule stands here.
///
/// A route says where mail goes and never who may send: strangers reach the domains in `accept`, and there only
/// recipients that exist.
struct RecipientCheck: Sendable {
    let settings: PosternSettings
    let accounts: Accounts
    let rules: ProtectionRules
    let verifier: RecipientVerifier
    let time: Time
    /// Reads our return paths; nil where nothing is forwarded.
    var rewriting: SenderRewriting?

    /// The address that a `RCPT` means.
    ///
    /// A bare `postmaster` is the user or alias of that name, else the first user, else `postmaster` at the first
    /// domain that takes mail from strangers (RFC 5321 section 4.5.1).
    func address(of path: RcptParameters.ForwardPath) -> EmailAddress? {
        if case .address(let address) = path { return address }
        switch accounts.postmaster(domain: settings.accept.first ?? settings.hostname) {
        case .user(let name): return accounts.addresses(of: name).first
        case .alias(let targets): return targets.first
        case .unknown, .circular:
            let domain = settings.accept.first ?? (settings.filters.isEmpty ? nil : settings.hostname)
            return domain.flatMap { EmailAddress(localPart: "postmaster", domain: $0) }
        }
    }

    /// The reply that refuses the recipient; nil when it may be taken.
    func refusal(of address: EmailAddress, for origin: Origin, by filter: FilterSettings? = nil) async -> Reply? {
        if let filter { return await refusal(of: address, for: origin, behind: filter) }
        if !origin.isOurs && !settings.accepts(address.domain) { return .relayDenied }
        // Taken on its way in, so that there need be no mailbox.
        if address == settings.channel.tlsReportAddress { return nil }
        let aliases = AliasExpansion(settings: settings, accounts: accounts, rewriting: rewriting)
        let destinations: [EmailAddress]
        switch try? await aliases.meaning(of: address) {
        case .destinations(let found): destinations = found.map(\.address)
        case .unknown: return .noSuchMailbox
        case .circular: return .addressInCircle
        case .badReturnPath: return .badReturnPath
        case nil: return .localError
        }
        if destinations == [address] {
            guard let route = settings.route(for: address.domain) else { return .noRoute }
            if let reply = await existenceRefusal(of: address, by: route, for: origin) { return reply }
        } else if let reply = await refusal(behind: destinations, for: origin) {
            return reply
        }
        return await keyringRefusal(of: destinations, for: origin)
    }

    /// What an alias leads to has to exist as far as it is ours to know, and needs a route.
    ///
    /// One that can't be reached keeps a stranger out, who gets no report later; our users only when it is all.
    private func refusal(behind destinations: [EmailAddress], for origin: Origin) async -> Reply? {
        var refusal: Reply?
        for address in destinations {
            var found: Reply?
            if let route = settings.route(for: address.domain) {
                if settings.isOwn(address.domain) {
                    found = await existenceRefusal(of: address, by: route, for: origin)
                }
            } else {
                found = .noRoute
            }
            if found == nil, origin.isOurs { return nil }
            refusal = refusal ?? found
        }
        return refusal
    }

    private func existenceRefusal(of address: EmailAddress, by route: Route, for origin: Origin) async -> Reply? {
        // Whether a mailbox of ours exists is known from the aliases' expansion.
        if case .maildir = route.target { return nil }
        if let recipients = route.recipients {
            let plain = settings.tagSeparator.flatMap { address.withoutTag($0) }
            return recipients.contains(address) || plain.map(recipients.contains) == true ? nil : .noSuchMailbox
        }
        if origin.isOurs { return nil }
        switch await verifier.verify(address, route: route) {
        case .accepted: return nil
        case .rejected: return .noSuchMailbox
        case .unknown: return .cannotTell
        }
    }

    /// A filter's client has decided already who may write to whom, and its mail has one way to go.
    ///
    /// Whether a stranger's recipient exists is the next hop's to say, now, so that the stranger hears it in the session.
    private func refusal(of address: EmailAddress, for origin: Origin, behind filter: FilterSettings) async -> Reply? {
        if filter.direction == .inbound {
            switch await verifier.verify(address, at: DeliveryHop(filter), probes: false) {
            case .accepted: break
            case .rejected(let reply): return .refusedByNextHop(reply)
            case .unknown: return .cannotTell
            }
        }
        return await keyringRefusal(of: [address], for: origin)
    }

    /// Asks for the addresses behind an alias, because those get the copies.
    ///
    /// One of them that has to be refused keeps a stranger out, who gets no report later; our users only when it is all.
    private func keyringRefusal(of destinations: [EmailAddress], for origin: Origin) async -> Reply? {
        let now = time.wall()
        var refusal: RecipientRefusal?
        do {
            for target in destinations {
                let found = try await rules.refusal(for: target, origin: origin, at: now)
                if found == nil, origin.isOurs { return nil }
                refusal = refusal ?? found
            }
        } catch {
            return .localError
        }
        return switch refusal {
        case .none: nil
        case .noKey: .protectionRequired
        case .keyUnusable: .keyUnusable
        }
    }
}

extension Reply {
    static let noRoute = Reply(.permanent, 50, EnhancedStatus(1, 2), "no route to this domain")
    static let addressInCircle = Reply(
        .permanent,
        50,
        .routingLoop,
        "the address leads round in a circle of aliases or forwards"
    )
    static let badReturnPath = Reply(.permanent, 50, .notAuthorized, "no return path of ours, or one that has expired")
    static let keyUnusable = Reply(
        .transient,
        50,
        .securityOther,
        "the recipient's key is not usable now, try again later"
    )
}
