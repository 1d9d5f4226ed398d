// SPDX-License-Identifier: Apache-2.0

package import NIOSSL
import Synchronization

/// A listener's TLS context, made anew so often that no ticket key is in use for long.
///
/// The keys that seal session tickets live in the library's context; by itself it changes them every 48 hours and takes tickets
/// under the old one for as long again. Who got hold of such a key could read the TLS 1.2 connections that were begun or resumed
/// under it. Here they end with their context, after ``lifetime``, and are never written anywhere.
package final class ServerTLSContext: Sendable {
    /// So long one context takes new connections.
    package static let lifetime = Duration.seconds(6 * 3600)

    private struct Made {
        let context: NIOSSLContext
        let at: ContinuousClock.Instant
    }

    private let configuration: TLSConfiguration
    private let now: @Sendable () -> ContinuousClock.Instant
    private let made: Mutex<Made>

    /// - Throws: what the library says when it refuses the configuration.
    package init(
        _ configuration: TLSConfiguration,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) throws {
        self.configuration = configuration
        self.now = now
        self.made = Mutex(Made(context: try NIOSSLContext(configuration: configuration), at: now()))
    }

    /// The context for a handshake that begins now.
    package var current: NIOSSLContext {
        made.withLock { made in
            guard made.at.duration(to: now()) >= ServerTLSContext.lifetime,
                let fresh = try? NIOSSLContext(configuration: configuration)
            else { return made.context }
            made = Made(context: fresh, at: now())
            return fresh
        }
    }
}
