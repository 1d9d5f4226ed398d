// SPDX-License-Identifier: Apache-2.0

/// How many TLS handshakes each client may begin and leave unfinished: each costs us a signature, and the client nearly nothing.
///
/// A value: the caller brings the time. A client has ``most`` at once, and one more each second.
struct HandshakeBudget: Sendable {
    static let most = 60.0
    /// So many clients are remembered; when more come than that, all are forgiven.
    static let mostClients = 16_384

    private struct Bucket: Sendable {
        var left: Double
        var at: ContinuousClock.Instant

        func left(at now: ContinuousClock.Instant) -> Double {
            let passed = at.duration(to: now) / .seconds(1)
            return min(HandshakeBudget.most, left + max(0, passed))
        }
    }

    private var buckets: [[UInt8]: Bucket] = [:]

    /// How many clients are remembered.
    var clients: Int { buckets.count }

    /// Whether the client may begin another.
    func hasRoom(_ client: [UInt8], at now: ContinuousClock.Instant) -> Bool {
        buckets[client].map { $0.left(at: now) >= 1 } ?? true
    }

    mutating func begin(_ client: [UInt8], at now: ContinuousClock.Instant) {
        if buckets.count >= Self.mostClients { forget(at: now) }
        let left = buckets[client]?.left(at: now) ?? Self.most
        buckets[client] = Bucket(left: max(0, left - 1), at: now)
    }

    /// One that ended well costs nothing.
    mutating func finish(_ client: [UInt8], at now: ContinuousClock.Instant) {
        guard let bucket = buckets[client] else { return }
        let left = bucket.left(at: now) + 1
        buckets[client] = left < Self.most ? Bucket(left: left, at: now) : nil
    }

    /// Forgets those who have all they may have.
    private mutating func forget(at now: ContinuousClock.Instant) {
        buckets = buckets.filter { $0.value.left(at: now) < Self.most }
        if buckets.count >= Self.mostClients { buckets = [:] }
    }
}
