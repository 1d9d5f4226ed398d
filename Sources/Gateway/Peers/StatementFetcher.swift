// SPDX-License-Identifier: Apache-2.0

package import ChannelPolicy
import DNSResolver
import Delivery
import Fetch
package import Mail
import NIOPosix
import Peers
import Privacy
package import Settings

/// Where a statement is fetched from.
package enum StatementSource: Sendable {
    /// ``CommitmentStatement/wellKnownPath`` at the domain.
    case domain(Domain)
    case url(String)
}

/// Fetches statements by https: no redirects, one minute, and no more than a statement may have.
package struct StatementFetcher: StatementFetching {
    let fetching: any Fetching

    package func statement(of domain: Domain) async -> Result<[UInt8], StatementFault> {
        await fetch("https://\(domain.key)\(CommitmentStatement.wellKnownPath)")
    }

    /// For the command line, which has no gateway at hand; without settings only the system's authorities are trusted.
    package static func fetch(
        _ source: StatementSource,
        _ settings: PosternSettings?
    ) async throws(StatementFault) -> [UInt8] {
        let roots: PublicRoots
        let resolver: UnboundResolver
        do {
            roots = try PublicRoots(extraFile: settings?.channel.caFile)
            resolver = try UnboundResolver(ResolverOptions(settings?.resolver ?? ResolverSettings()))
        } catch {
            throw .notFetched("Nothing can be fetched: channel.ca_file or [resolver] can't be used.")
        }
        let fetcher = Fetcher(
            resolver: resolver,
            roots: roots,
            allowPrivate: settings?.channel.allowPrivate ?? [],
            group: MultiThreadedEventLoopGroup.singleton,
            time: .system()
        )
        let statements = StatementFetcher(fetching: fetcher)
        switch source {
        case .domain(let domain): return try await statements.statement(of: domain).get()
        case .url(let text): return try await statements.fetch(text).get()
        }
    }

    private func fetch(_ text: String) async -> Result<[UInt8], StatementFault> {
        let url: FetchURL
        do {
            url = try FetchURL(text)
        } catch {
            return .failure(.notFetched("It can't be fetched: \(error.text)."))
        }
        let options = FetchOptions(maxBytes: StatementEnvelope.maxBytes, timeLimit: .seconds(60), redirects: .none)
        switch await fetching.get(url, options: options) {
        case .success(let answer) where answer.status == 200: return .success(answer.body)
        case .success(let answer):
            return .failure(
                .notFetched(
                    "It can't be fetched: https://\(url.host) answers \(answer.status) in place of a statement."
                )
            )
        case .failure(.tooLarge): return .failure(.tooLarge(maxBytes: StatementEnvelope.maxBytes))
        case .failure(let fault):
            return .failure(.notFetched("It can't be fetched from https://\(url.host): \(fault.text)."))
        }
    }
}
