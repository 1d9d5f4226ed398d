// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Settings

/// Finds the next hop for a domain.
///
/// It grants nothing: who may send is decided elsewhere.
package struct RouteTable: Sendable {
    private let exact: [String: Route]
    private let any: Route?
    private let filters: [FilterSettings]

    /// When two routes name one domain the first counts, as in the settings.
    package init(_ routes: [Route], filters: [FilterSettings] = []) {
        var exact: [String: Route] = [:]
        var any: Route?
        for route in routes {
            switch route.domain {
            case .domain(let domain): exact[domain.key] = exact[domain.key] ?? route
            case .any: any = any ?? route
            }
        }
        self.exact = exact
        self.any = any
        self.filters = filters
    }

    /// The next hop for what came by the filter of this name; nil when there is no such filter any more.
    package func hop(ofFilter name: String) -> DeliveryHop? { filters.named(name).map { DeliveryHop($0) } }

    /// The domain's own route, else the one for `*`, else nil: mail for it can go nowhere.
    package func route(for domain: Domain) -> Route? { exact[domain.key] ?? any }

    /// The next hop for a domain; nil when no route leads anywhere, which a session can say at RCPT (``DeliveryOutcome/noRoute``).
    package func hop(for domain: Domain) -> DeliveryHop? {
        route(for: domain).map { DeliveryHop($0, for: domain) }
    }
}

extension DeliveryHop {
    /// Where the route leads for this domain.
    package init(_ route: Route, for domain: Domain) {
        self =
            switch route.target {
            case .maildir: .maildir
            case .lmtp(let next): .lmtp(next)
            case .relay(let next): .relay(next)
            case .mx: .mx(domain)
            }
    }
}

extension DeliveryHop {
    /// Where everything goes that came by the filter: LMTP on a unix socket, else SMTP.
    package init(_ filter: FilterSettings) {
        self =
            switch filter.nextHop.endpoint {
            case .unix: .lmtp(filter.nextHop)
            case .tcp: .relay(filter.nextHop)
            }
    }
}
