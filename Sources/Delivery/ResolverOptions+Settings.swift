// SPDX-License-Identifier: Apache-2.0

package import DNSResolver
import Mail
package import Settings

extension ResolverOptions {
    /// What `[resolver]` says, in the resolver's own terms.
    package init(_ settings: ResolverSettings) {
        let place = { (server: ResolverSettings.Server) in "\(server.address)@\(server.port)" }
        self.init(
            trustAnchor: settings.trustAnchorFile.map { .file($0) } ?? .root,
            upstream: settings.servers.isEmpty ? .system : .servers(settings.servers.map(place)),
            stubs: settings.stubs.map { Stub(zone: $0.zone.key, server: place($0.server)) }
        )
    }
}
