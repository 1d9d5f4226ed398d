// SPDX-License-Identifier: Apache-2.0

package import SMTPWire
import Synchronization

/// Counts connections, in all and per client, over any number of listeners.
///
/// IPv6 clients are counted by their /64.
package final class ConnectionLimits: Sendable {
    private struct Counts {
        var total = 0
        var byClient: [[UInt8]: Int] = [:]
        var refused = Refused()
    }

    private let counts = Mutex(Counts())
    private let maxTotal: Int
    private let maxPerClient: Int
    private let isExempt: @Sendable (IPAddress) -> Bool

    /// - Parameter isExempt: clients that only count towards the total (configured networks, say).
    package init(
        maxTotal: Int = 1000,
        maxPerClient: Int = 50,
        isExempt: @escaping @Sendable (IPAddress) -> Bool = { _ in false }
    ) {
        self.maxTotal = maxTotal
        self.maxPerClient = maxPerClient
        self.isExempt = isExempt
    }

    /// Connections open now.
    package var current: Int { counts.withLock { $0.total } }

    /// Connections that were one too many, since the start.
    package struct Refused: Sendable {
        package fileprivate(set) var inTotal = 0
        package fileprivate(set) var perClient = 0
    }

    package var refused: Refused { counts.withLock { $0.refused } }

    /// Counts a connection in, unless it is one too many.
    ///
    /// What was admitted must be released.
    package func admit(_ address: IPAddress?) -> Bool {
        let client = address.flatMap { isExempt($0) ? nil : ConnectionLimits.client($0) }
        return counts.withLock { counts in
            guard counts.total < maxTotal else {
                counts.refused.inTotal += 1
                return false
            }
            if let client {
                let open = counts.byClient[client, default: 0]
                guard open < maxPerClient else {
                    counts.refused.perClient += 1
                    return false
                }
                counts.byClient[client] = open + 1
            }
            counts.total += 1
            return true
        }
    }

    package func release(_ address: IPAddress?) {
        let client = address.flatMap { isExempt($0) ? nil : ConnectionLimits.client($0) }
        counts.withLock { counts in
            counts.total -= 1
            guard let client, let open = counts.byClient[client] else { return }
            counts.byClient[client] = open > 1 ? open - 1 : nil
        }
    }

    private static func client(_ address: IPAddress) -> [UInt8] {
        address.isIPv4 ? address.bytes : Array(address.bytes.prefix(8))
    }
}
