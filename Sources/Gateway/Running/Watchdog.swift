// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import ServiceLifecycle

/// Tells the service manager that the gateway is alive, as long as it is.
///
/// Each sign waits for an answer from every event loop and from the store. When one of them hangs no sign leaves, and the
/// manager restarts the gateway.
package struct Watchdog: Service {
    private let pause: Duration
    private let group: any EventLoopGroup
    private let storeResponds: @Sendable () async -> Void

    /// Nil when nobody waits for a sign.
    init?(group: any EventLoopGroup, storeResponds: @escaping @Sendable () async -> Void) {
        let environment = ["WATCHDOG_USEC", "WATCHDOG_PID"].reduce(into: [String: String]()) { all, name in
            all[name] = unsafe getenv(name).flatMap { unsafe String(validatingCString: $0) }
        }
        guard let pause = Self.pause(environment, process: getpid()) else { return nil }
        self.pause = pause
        self.group = group
        self.storeResponds = storeResponds
    }

    /// A third of the time within which a sign is expected (`sd_watchdog_enabled`), so that one may be late.
    package static func pause(_ environment: [String: String], process: Int32) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 else {
            return nil
        }
        if let pid = environment["WATCHDOG_PID"], Int32(pid) != process { return nil }
        return .microseconds(max(1, microseconds / 3))
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                for loop in group.makeIterator() { try await loop.submit({}).get() }
                await storeResponds()
                ServiceNotice.watchdog.send()
                try await Task.sleep(for: pause)
            }
        }
        // While the gateway stops, the manager counts the time of the stop instead.
    }
}
