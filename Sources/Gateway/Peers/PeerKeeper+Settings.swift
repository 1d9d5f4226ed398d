// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Fetch
import Peers
import Settings

extension PeerKeeper {
    /// The keeper of a gateway's peers, which fetches as the settings allow.
    init(settings: PosternSettings, data: DataDirectory, shared: GatewayShared, resolver: any DNSResolving) throws {
        let roots: PublicRoots
        do {
            roots = try PublicRoots(extraFile: settings.channel.caFile)
        } catch {
            throw GatewayProblem(
                "channel.ca_file: it can't be read, or holds no certificate in PEM; name another file."
            )
        }
        let fetcher = Fetcher(
            resolver: resolver,
            roots: roots,
            allowPrivate: settings.channel.allowPrivate,
            group: shared.group,
            time: shared.time
        )
        self.init(
            book: data.peers,
            reader: StatementReader(worker: data.worker),
            fetching: StatementFetcher(fetching: fetcher),
            time: shared.time
        )
    }
}
