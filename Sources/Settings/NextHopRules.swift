// SPDX-License-Identifier: Apache-2.0

import Mail

/// No next hop may be a listener of this gateway: its mail would go round in circles.
enum NextHopRules {
    static func check(_ settings: PosternSettings, _ reading: inout Reading) {
        for listener in settings.listeners {
            guard let filter = listener.filter,
                let found = settings.listeners.first(where: {
                    leads(filter.nextHop.endpoint, to: $0, settings.hostname)
                })
            else { continue }
            let index = settings.listeners.firstIndex(of: listener) ?? 0
            let place = EndpointText.format(filter.nextHop.endpoint)
            reading.report(
                line: line("listener[\(index)].next_hop", listener.line, reading),
                key: "listener.next_hop",
                problem: found == listener
                    ? "\(place) is this filter itself, so that its mail would go round in circles"
                    : "\(place) is the gateway's own listener of line \(found.line)",
                remedy: "name the port where your other mail server takes the mail back"
            )
        }
        for (index, route) in settings.routes.enumerated() {
            guard let endpoint = route.target.nextHop?.endpoint,
                let found = settings.listeners.first(where: { leads(endpoint, to: $0, settings.hostname) })
            else { continue }
            let key = if case .lmtp = route.target { "lmtp" } else { "relay" }
            reading.report(
                line: line("route[\(index)].\(key)", route.line, reading),
                key: "route.\(key)",
                problem: "\(EndpointText.format(endpoint)) is the gateway's own listener of line \(found.line)",
                remedy: "name the server that takes the mail, or its right port"
            )
        }
    }

    private static func line(_ key: String, _ table: Int, _ reading: Reading) -> Int {
        let line = reading.positions.line(key)
        return line > 0 ? line : table
    }

    /// Whether a connection to `endpoint` would reach `listener`, as far as the settings show.
    static func leads(_ endpoint: Endpoint, to listener: Listener, _ hostname: Domain) -> Bool {
        switch endpoint {
        case .unix(let path): return path == listener.path
        case .tcp(let host, let port):
            guard listener.path == nil, port == listener.port, let own = IPText.parse(listener.address) else {
                return false
            }
            let isEverywhere = own.allSatisfy { $0 == 0 }
            guard let target = IPText.parse(host).map({ IPText.unmapped($0) ?? $0 }) else {
                if HostText.isLoopback(host) { return isEverywhere || IPText.isLoopback(own) }
                return Domain(host) == hostname
            }
            if isEverywhere {
                return (own.count == 16 || target.count == 4)
                    && (IPText.isLoopback(target) || target.allSatisfy { $0 == 0 })
            }
            return target == (IPText.unmapped(own) ?? own)
        }
    }
}
