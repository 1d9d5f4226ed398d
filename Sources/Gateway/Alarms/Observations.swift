// SPDX-License-Identifier: Apache-2.0

import Privacy
import SMTPTransport
import SMTPWire
import Settings

/// What the gateway knows about how it does; each part is filled by whoever does the work, through reloads and locks.
struct Observations: Sendable {
    let counters: Counters
    let alarms: AlarmBoard
    let hops: HopHealth
    let connections: ConnectionLimits

    init(settings: PosternSettings, time: Time) {
        counters = Counters(time: time)
        alarms = AlarmBoard(time: time)
        hops = HopHealth(time: time)
        connections = ConnectionLimits(
            maxTotal: settings.limits.connections,
            maxPerClient: settings.limits.connectionsPerAddress,
            isExempt: Self.exemption(settings)
        )
    }

    /// Limits as `settings` want them from now on.
    func follow(_ settings: PosternSettings) {
        connections.change(
            maxTotal: settings.limits.connections,
            maxPerClient: settings.limits.connectionsPerAddress,
            isExempt: Self.exemption(settings)
        )
    }

    private static func exemption(_ settings: PosternSettings) -> @Sendable (IPAddress) -> Bool {
        { address in
            settings.isOurs(address: address.bytes) || settings.filters.contains { $0.admits(address: address.bytes) }
        }
    }
}
