// SPDX-License-Identifier: Apache-2.0

import ChannelPolicy
import Mail
import SMTPWire
import Settings

/// Which certificates the servers of a domain show when they bring its mail: those that the settings pin, and those that peers state.
struct InboundProof: Sendable {
    let settings: ChannelSettings
    /// What peers' statements say, as it stands now.
    let peers: @Sendable () -> [PinSet]

    enum Verdict: Equatable {
        /// The client showed a pinned certificate: it is the domain's.
        case proven
        /// It did not, and nothing asks for it.
        case free
        /// It did not, and the settings take the domain's mail from nobody else.
        case refused
    }

    /// The counter of clients that were refused.
    static let refusals = "clients without the pinned certificate"

    func verdict(on domain: Domain, shown: CertificateFingerprints?) -> Verdict {
        let rule = settings.rule(for: domain)
        if let shown, sets(for: domain, rule).contains(where: { $0.match(shown) != nil }) { return .proven }
        return rule?.requireInbound == true ? .refused : .free
    }

    private func sets(for domain: Domain, _ rule: ChannelSettings.Rule?) -> [PinSet] {
        let scope = PinSet.Scope.domain(domain.key)
        let own = rule.map { [PinSet(scope, current: $0.clientPins)] } ?? []
        return own + peers().filter { $0.scope == scope }
    }
}

extension Reply {
    static let clientNotProven = Reply(
        .transient,
        50,
        .securityOther,
        "mail from this domain is taken only from its own server, proven by its certificate"
    )
}
