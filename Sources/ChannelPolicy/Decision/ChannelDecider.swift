// SPDX-License-Identifier: Apache-2.0

extension ChannelCase {
    /// Decides, once and before connecting: the first rule that holds, then what raises it.
    package func decide() -> ChannelDecision {
        var decider = ChannelDecider(self)
        let verdict: ChannelDecision.Verdict
        do throws(ChannelFault) {
            try decider.firstRule()
            try decider.raise()
            verdict = .connect(decider.channel)
        } catch {
            verdict = error.concernsDomain ? .deferDelivery(error) : .skipHost(error)
        }
        return ChannelDecision(verdict: verdict, trail: decider.trail, report: decider.report(verdict))
    }
}

/// Works through the rules and keeps the trail.
private struct ChannelDecider {
    let facts: ChannelCase
    private(set) var trail: [ChannelStep] = []
    private var rule = ChannelRule.opportunistic
    private var demand = ChannelDemand.clearAllowed
    private var requireTLS = RequiredChannel.RequireTLS.no

    init(_ facts: ChannelCase) { self.facts = facts }

    // MARK: - The first rule that holds

    /// The rules in their order; each either decides or is passed over.
    mutating func firstRule() throws(ChannelFault) {
        if try isSetByOperatorOrPeer() {
            for rule in [ChannelRule.dane, .sts, .ratchet] { passOver(rule, "a stronger rule holds") }
            refuseWish("an onion route, a link or a pin holds")
            return
        }
        if heedsWish {
            for rule in [ChannelRule.dane, .sts, .ratchet] { passOver(rule, "the sender set it aside") }
            note(.tlsOptional, .holds, "our own user says TLS-Required: no")
            self.rule = .tlsOptional
            return
        }
        refuseWish(facts.level > 1 ? "level \(facts.level) does not heed it" : wishFault)
        if try askDANE() {
            for rule in [ChannelRule.sts, .ratchet] { passOver(rule, "DANE holds") }
            return
        }
        if try askSTS() {
            passOver(.ratchet, "MTA-STS holds")
            return
        }
        askRatchet()
        if demand == .clearAllowed { note(.opportunistic, .holds, "no rule demands more") }
    }

    private mutating func isSetByOperatorOrPeer() throws(ChannelFault) -> Bool {
        if askOnion() { return true }
        if try askLink() { return true }
        return askPins()
    }

    private mutating func askOnion() -> Bool {
        guard let route = facts.onion else {
            passOver(.onion, "the domain has no proven onion route")
            return false
        }
        let text = route.proof == .pinned ? "an onion route is pinned" : "DNSSEC proves an onion route"
        settle(.onion, .proven(.onion(route, pins: facts.pins)), text)
        passOver(.pins, facts.pins == nil ? "there are no pins" : "they hold inside the onion route")
        return true
    }

    /// True when a link that the operator declared protects the way; nothing is sent when it should and doesn't.
    private mutating func askLink() throws(ChannelFault) -> Bool {
        switch facts.link {
        case nil: return false
        case .missing(let reason):
            note(.link, .blocks, reason)
            throw ChannelFault(.link, .linkMissing(reason))
        case .protects(let text):
            settle(.link, .clearAllowed, text)
            passOver(.pins, "the link stands in their place")
            return true
        }
    }

    private mutating func askPins() -> Bool {
        guard let pins = facts.pins else {
            passOver(.pins, "there are no pins")
            return false
        }
        let owner =
            switch pins.scope {
            case .domain(let name): "the domain \(name)"
            case .host(let name): "the host \(name)"
            }
        let state = pins.source == .statement(isExpired: true) ? ", from a statement that has expired" : ""
        settle(.pins, .proven(.pins(pins)), "\(owner) is pinned\(state)")
        return true
    }

    /// True when the server has to match a record.
    private mutating func askDANE() throws(ChannelFault) -> Bool {
        switch facts.dane {
        case .notApplicable(let absence):
            passOver(.dane, absence.text)
            return false
        case .unavailable(let failure):
            note(.dane, .blocks, failure.text)
            throw ChannelFault(.dane, .dns(failure))
        case .mustMatch(let requirement):
            let count = requirement.records.usable.count
            let text = count == 1 ? "1 usable TLSA record" : "\(count) usable TLSA records"
            settle(.dane, .proven(.dane(requirement)), "\(text) at \(requirement.base)")
            return true
        case .mustEncrypt(let base, _):
            settle(.dane, .encrypted, "no TLSA record at \(base) can be used, so TLS is mandatory and unproven")
            return false
        }
    }

    /// True when a public authority has to vouch for the host.
    private mutating func askSTS() throws(ChannelFault) -> Bool {
        if facts.sts == .unreadable {
            note(.sts, .blocks, "the policies that are kept can't be read")
            throw ChannelFault(.sts, .policiesUnreadable)
        }
        guard case .inForce(let cached) = facts.sts else {
            if case .none(let absence) = facts.sts { passOver(.sts, absence.text) }
            return false
        }
        let pattern = facts.hostIsAddress ? nil : cached.policy.pattern(for: facts.host)
        switch cached.policy.mode {
        case .none:
            passOver(.sts, "the domain's policy is none")
            return false
        case .testing:
            passOver(.sts, pattern == nil ? "the policy is testing, and lacks the host" : "the policy is testing")
            return false
        case .enforce:
            guard let pattern else {
                note(.sts, .blocks, "the host is not in policy \(cached.id)")
                throw ChannelFault(.sts, .hostNotListed)
            }
            let text = "policy \(cached.id) says enforce and lists \(pattern)"
            settle(.sts, .proven(.publicAuthority(names: [facts.host])), text)
            return true
        }
    }

    private mutating func askRatchet() {
        guard let entry = facts.ratchet else { return passOver(.ratchet, "mail was not encrypted there lately") }
        let date = CivilTime.text(entry.lastEncrypted).prefix(10)
        guard entry.holds(at: facts.now) else {
            return passOver(.ratchet, "mail was last encrypted there on \(date)")
        }
        guard demand == .clearAllowed else { return passOver(.ratchet, "DANE demands TLS already") }
        settle(.ratchet, .encrypted, "mail was encrypted there on \(date)")
    }

    // MARK: - What raises it

    mutating func raise() throws(ChannelFault) {
        if facts.level >= 3, demand == .clearAllowed, rule != .link {
            lift(.level, .encrypted, "level 3 sends nothing in clear between servers (our mapping)")
        }
        if let floor = facts.floor { try raise(to: floor) }
        if case .required(let isReport) = facts.wish { try raise(toRequireTLS: isReport) }
    }

    private mutating func raise(to floor: ChannelFloor) throws(ChannelFault) {
        let wanted = "the operator requires \(floor.rawValue)"
        if rule == .link, floor != .onion { return passOver(.floor, "\(wanted), and the link stands for it") }
        switch (floor, demand) {
        case (.encrypted, .clearAllowed): lift(.floor, .encrypted, wanted)
        case (.encrypted, _), (.authenticated, .proven), (.pinned, .proven(.pins)),
            (.pinned, .proven(.onion)), (.onion, .proven(.onion)):
            passOver(.floor, "\(wanted), which holds")
        case (.authenticated, _):
            guard let names = namesForFloor else { throw block(.floor, .floorUnmet(floor), wanted) }
            lift(.floor, .proven(.publicAuthority(names: names)), wanted)
        case (.pinned, _), (.onion, _): throw block(.floor, .floorUnmet(floor), "\(wanted), and there is none")
        }
    }

    /// RFC 8689 §4.2.1: the host's name vouched for, its certificate proven, REQUIRETLS offered.
    private mutating func raise(toRequireTLS isReport: Bool) throws(ChannelFault) {
        if isReport {
            requireTLS = .whereOffered
            let text = "the report belongs to a message with REQUIRETLS"
            if demand == .clearAllowed { return lift(.requireTLS, .encrypted, text) }
            return passOver(.requireTLS, "\(text); the channel is strong enough")
        }
        requireTLS = .mustBeOffered
        if case .proven = demand, rule != .floor {
            return note(.requireTLS, .raises, "the message has REQUIRETLS: the server must offer it")
        }
        guard !facts.hostIsAddress, facts.mx == .secure || stsLists else {
            throw block(.requireTLS, .unprovenHostName, "neither DNSSEC nor MTA-STS vouches for the host's name")
        }
        lift(.requireTLS, .proven(.publicAuthority(names: [facts.host])), "the message has REQUIRETLS")
    }

    /// The names that may count where no policy says which: the host's only when something vouches for it.
    private var namesForFloor: [String]? {
        if facts.hostIsAddress { return [facts.domain] }
        if stsLists { return [facts.host] }
        return facts.mx == .secure ? [facts.host, facts.domain] : [facts.domain]
    }

    private var stsLists: Bool {
        guard case .inForce(let cached) = facts.sts, cached.policy.mode != .none, !facts.hostIsAddress else {
            return false
        }
        return cached.policy.pattern(for: facts.host) != nil
    }

    // MARK: - TLS-Required: no

    private var heedsWish: Bool {
        facts.wish == .optional(fromOurUser: true) && facts.level <= 1 && facts.floor == nil
    }

    private var wishFault: String {
        facts.wish == .optional(fromOurUser: false) ? "it is not from our user" : "the operator's floor holds"
    }

    private mutating func refuseWish(_ reason: String) {
        if case .optional = facts.wish { passOver(.tlsOptional, reason) }
    }

    // MARK: - The trail

    private mutating func note(_ rule: ChannelRule, _ finding: ChannelStep.Finding, _ text: String) {
        trail.append(ChannelStep(rule, finding, text))
    }

    private mutating func passOver(_ rule: ChannelRule, _ text: String) { note(rule, .passedOver, text) }

    private mutating func settle(_ rule: ChannelRule, _ demand: ChannelDemand, _ text: String) {
        self.rule = rule
        self.demand = demand
        note(rule, .holds, text)
    }

    private mutating func lift(_ rule: ChannelRule, _ demand: ChannelDemand, _ text: String) {
        self.rule = rule
        self.demand = demand
        note(rule, .raises, text)
    }

    private mutating func block(_ rule: ChannelRule, _ cause: ChannelFault.Cause, _ text: String) -> ChannelFault {
        note(rule, .blocks, text)
        return ChannelFault(rule, cause)
    }

    // MARK: - The outcome

    var channel: RequiredChannel {
        RequiredChannel(
            rule: rule,
            demand: demand,
            serverName: serverName,
            requireTLS: requireTLS,
            reportPolicy: reportPolicy,
            observed: observed
        )
    }

    private var serverName: String? {
        if case .proven(.dane(let requirement)) = demand { return requirement.base }
        if case .mustEncrypt(let base, _) = facts.dane, rule == .dane { return base }
        return facts.hostIsAddress ? nil : facts.host
    }

    /// A recipient's policy counts where it was asked: not behind pins, an onion route or the sender's wish.
    private var isCounted: Bool {
        switch rule {
        case .onion, .link, .pins, .tlsOptional: false
        default: true
        }
    }

    private var reportPolicy: TLSReportPolicy? {
        guard isCounted else { return nil }
        switch (facts.dane, facts.sts) {
        case (.mustMatch(let requirement), _): return .tlsa(requirement.records, host: facts.host, domain: facts.domain)
        case (.mustEncrypt(_, let records), _): return .tlsa(records, host: facts.host, domain: facts.domain)
        case (.unavailable, _): return .tlsa(nil, host: facts.host, domain: facts.domain)
        case (_, .inForce(let cached)) where cached.policy.mode != .none:
            return .sts(cached.policy, domain: facts.domain)
        default: return .noPolicy(domain: facts.domain)
        }
    }

    private var observed: STSPolicy? {
        guard isCounted, case .notApplicable = facts.dane, case .inForce(let cached) = facts.sts,
            cached.policy.mode == .testing
        else { return nil }
        return cached.policy
    }

    func report(_ verdict: ChannelDecision.Verdict) -> TLSReportEvent? {
        guard let reportPolicy else { return nil }
        switch verdict {
        case .connect: return nil
        case .skipHost(let fault), .deferDelivery(let fault):
            return fault.reportResult.map {
                TLSReportEvent(reportPolicy, .failed($0, reason: fault.fixedWord.description), host: facts.host)
            }
        }
    }
}
