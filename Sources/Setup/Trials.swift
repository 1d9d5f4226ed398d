// SPDX-License-Identifier: Apache-2.0

import DNSResolver
import Delivery
import NIOPosix
package import Settings

/// Tries settings for real: what the gateway will need, when it starts and when mail comes.
package struct Trials: Sendable {
    private let settings: PosternSettings
    /// The addresses of the listeners of the gateway that runs on this data directory.
    private let running: [String]
    /// Seconds since 1970.
    private let now: Int
    /// The certificates that the running gateway has in its vault; nil when none runs.
    private let vaultCertificates: [VaultCertificate]?

    package init(
        _ settings: PosternSettings,
        running: [String],
        vaultCertificates: [VaultCertificate]? = nil,
        now: Int
    ) {
        self.settings = settings
        self.running = running
        self.vaultCertificates = vaultCertificates
        self.now = now
    }

    /// All of them, those that wait for the network at the same time.
    ///
    /// Each has its own time limit, so that this ends within half a minute.
    package func run() async -> [Trial] {
        async let hops = NextHopTrials(settings).run()
        async let names = DNSTrials(settings, resolver: resolver()).run()
        let own =
            PortTrials.run(settings, running: running)
            + CertificateTrials.run(settings, vaultCertificates, now: now) + SignInTrials.run(settings)
            + DataTrials.run(settings) + SecretTrials.run(settings)
        return await own + hops + names
    }

    /// Nil when it can't be made from the settings.
    private func resolver() -> (any DNSResolving)? {
        var options = ResolverOptions(settings.resolver)
        options.timeout = .seconds(8)
        return try? UnboundResolver(options)
    }
}
