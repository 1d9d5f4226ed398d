// SPDX-License-Identifier: Apache-2.0

import Crypto
package import Privacy
import Synchronization

/// Slows guessing, by source and by login, whether the login exists or not.
///
/// Kept in memory only, under keyed hashes, and forgotten an hour after the last wrong password. Attempts from one source
/// queue behind each other, so that many connections gain nothing. A login under attack costs a new source a short
/// wait at most, and none a source that has signed in to it before: nobody can lock another out.
package final class SignInBrake: Sendable {
    /// When an attempt may be checked.
    package enum Admission: Sendable, Equatable {
        case at(BootTime)
        /// Too many are in line before it.
        case turnedAway
    }

    private struct Meter {
        /// Attempts that did not turn out right; one under way counts until it does.
        var attempts = 0
        var next: BootTime
        var last: BootTime
    }

    private struct Memory {
        var longest: Duration
        var sources: [Key: Meter] = [:]
        var logins: [Key: Meter] = [:]
        /// A login's attempts from one source.
        var pairs: [Key: Meter] = [:]
        /// Pairs that have signed in, and when.
        var known: [Key: BootTime] = [:]
    }

    private typealias Key = [UInt8]

    /// A source may be wrong so often without waiting.
    static let freeForSource = 3
    static let freeForLogin = 5
    /// The longest wait for a login, however many have tried it.
    static let longestForLogin = Duration.seconds(16)
    /// Whoever would wait longer than this in line is sent away.
    static let longestQueue = Duration.seconds(120)
    private static let forgetAfter = Duration.seconds(3600)
    private static let knownFor = Duration.seconds(30 * 86_400)
    private static let mostEntries = 50_000

    private let key = SymmetricKey(size: .bits256)
    private let memory: Mutex<Memory>

    /// - Parameter longest: the longest wait between two attempts of one source; zero switches the brake off.
    package init(longest: Duration) { memory = Mutex(Memory(longest: longest)) }

    /// Another longest wait from now on; who has been wrong stays so.
    package func change(longest: Duration) { memory.withLock { $0.longest = longest } }

    /// Takes a place in line; what came of the attempt must be told with ``settle(login:source:_:now:)``, unless it was turned away.
    ///
    /// - Parameter source: the client's address (4 or 16 bytes; a /64 counts as one); empty for a local process.
    package func admit(login: String, source: [UInt8], now: BootTime) -> Admission {
        let keys = keys(login, source)
        return memory.withLock { memory in
            let longest = memory.longest
            guard longest > .zero else { return .at(now) }
            Self.trim(&memory, now)
            var fromSource = Self.meter(memory.sources[keys.source], now)
            let start = max(now, fromSource.next)
            guard start - now <= Self.longestQueue else { return .turnedAway }
            fromSource.attempts += 1
            fromSource.last = now
            fromSource.next = start + Self.wait(fromSource.attempts, free: Self.freeForSource, longest)
            memory.sources[keys.source] = fromSource

            var ofLogin = Self.meter(memory.logins[keys.login], now)
            let isKnown = memory.known[keys.pair].map { now - $0 < Self.knownFor } ?? false
            let delay = Self.wait(ofLogin.attempts, free: Self.freeForLogin, min(longest, Self.longestForLogin))
            ofLogin.attempts += 1
            ofLogin.last = now
            memory.logins[keys.login] = ofLogin

            var pair = Self.meter(memory.pairs[keys.pair], now)
            pair.attempts += 1
            pair.last = now
            memory.pairs[keys.pair] = pair
            return .at(isKnown ? start : max(start, now + delay))
        }
    }

    /// What came of an admitted attempt.
    package enum Result: Sendable {
        case right
        case wrong
        /// Nobody could tell.
        case unknown
    }

    package func settle(login: String, source: [UInt8], _ result: Result, now: BootTime) {
        let keys = keys(login, source)
        memory.withLock { memory in
            guard memory.longest > .zero else { return }
            let pair = memory.pairs[keys.pair]?.attempts ?? 0
            switch result {
            case .wrong: return
            case .unknown:
                // The place in line was used up all the same.
                Self.forgive(1, &memory.sources[keys.source])
                Self.forgive(1, &memory.logins[keys.login])
                Self.forgive(1, &memory.pairs[keys.pair])
            case .right:
                // Forgiven are the slips with this login. Guesses at others stay, whatever own account the guesser has.
                Self.forgive(pair, &memory.sources[keys.source])
                if memory.sources[keys.source].map({ $0.attempts <= Self.freeForSource }) ?? false {
                    memory.sources[keys.source]?.next = now
                }
                Self.forgive(pair, &memory.logins[keys.login])
                memory.pairs[keys.pair] = nil
                memory.known[keys.pair] = now
            }
        }
    }

    /// 1 s after the free attempts, then twice as much each time.
    static func wait(_ attempts: Int, free: Int, _ longest: Duration) -> Duration {
        guard attempts >= free else { return .zero }
        return min(longest, .seconds(1 << min(20, attempts - free)))
    }

    private static func forgive(_ attempts: Int, _ meter: inout Meter?) {
        guard let now = meter?.attempts else { return }
        meter?.attempts = max(0, now - attempts)
    }

    private static func meter(_ known: Meter?, _ now: BootTime) -> Meter {
        if let known, now - max(known.last, known.next) < forgetAfter { return known }
        return Meter(next: now, last: now)
    }

    /// Keeps memory bounded whatever comes.
    private static func trim(_ memory: inout Memory, _ now: BootTime) {
        trim(&memory.sources, now)
        trim(&memory.logins, now)
        trim(&memory.pairs, now)
        if memory.known.count > mostEntries {
            memory.known = memory.known.filter { now - $0.value < .seconds(86_400) }
            if memory.known.count > mostEntries { memory.known = [:] }
        }
    }

    private static func trim(_ meters: inout [Key: Meter], _ now: BootTime) {
        guard meters.count > mostEntries else { return }
        meters = meters.filter { now - max($0.value.last, $0.value.next) < forgetAfter }
        guard meters.count > mostEntries else { return }
        let newest = meters.sorted { $0.value.last > $1.value.last }.prefix(mostEntries / 2)
        meters = Dictionary(uniqueKeysWithValues: newest.map { ($0.key, $0.value) })
    }

    private func keys(_ login: String, _ source: [UInt8]) -> (source: Key, login: Key, pair: Key) {
        let place = Self.place(source)
        let login = Array(login.lowercased().utf8)
        return (hash(0, place), hash(1, login), hash(2, [UInt8(truncatingIfNeeded: place.count)] + place + login))
    }

    private func hash(_ kind: UInt8, _ bytes: [UInt8]) -> Key {
        Array(HMAC<SHA256>.authenticationCode(for: [kind] + bytes, using: key).prefix(16))
    }

    /// An IPv4 address by itself, also when it comes mapped into IPv6; else the /64.
    static func place(_ address: [UInt8]) -> [UInt8] {
        guard address.count == 16 else { return address }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        return address.starts(with: mapped) ? Array(address[12...]) : Array(address[..<8])
    }
}
