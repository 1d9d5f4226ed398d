// SPDX-License-Identifier: Apache-2.0

package import Mail
package import Privacy
package import Settings
package import Store
package import Vault

/// The Sender Rewriting Scheme: forwarded mail leaves with a return path at a domain of ours, and what comes back to it
/// goes to the sender it was made for.
///
/// `SRS0=HASH=DAY=domain=local` for a first forwarder, `SRS1=DAYHASH=first==rest` where the sender is another
/// forwarder's SRS address already. What does not fit into the 64 octets of a local part is kept as a sealed record,
/// and the address names the record: `SRS0=HASH=DAY==token`. Every day has a hash key of its own, derived from the vault.
package struct SenderRewriting: Sendable {
    /// What an address is to the scheme.
    package enum Reading: Sendable, Equatable {
        /// It does not look like one of ours.
        case other
        /// The sender that it was made for.
        case original(EmailAddress)
        /// Made up, changed, or older than ``validDays``.
        case invalid
    }

    /// For how many days what was sent may come back.
    package static let validDays: Int64 = 21
    private static let longestLocalPart = 64

    private let settings: PosternSettings
    private let vault: Vault
    private let records: RecordStore
    private let time: Time

    package init(settings: PosternSettings, vault: Vault, records: RecordStore, time: Time) {
        self.settings = settings
        self.vault = vault
        self.records = records
        self.time = time
    }

    /// The reverse path with which `forwarder` sends on what `sender` wrote.
    ///
    /// The null path and senders in our own domains stay as they are.
    package func reversePath(for sender: ReversePath, forwarder: EmailAddress) async throws(StoreError) -> ReversePath {
        guard let address = sender.address, !settings.isOwn(address.domain) else { return sender }
        let domain = forwarder.domain
        let local = rewritten(address, at: domain)
        if local.utf8.count <= Self.longestLocalPart, let result = EmailAddress(localPart: local, domain: domain) {
            return .address(result)
        }
        let token = Self.code(vault.keyedHash("srs record", Self.input([String(today), address.wire])), bytes: 15)
        try await records.put(
            kind: .returnPath,
            id: Array(token.utf8),
            value: Array(address.wire.utf8),
            expires: time.wall() + .seconds((Self.validDays + 1) * 86_400)
        )
        return EmailAddress(localPart: first(domainName: "", local: token, at: domain), domain: domain)
            .map { .address($0) } ?? .null
    }

    /// What mail for `address` is, by the scheme alone.
    package func read(_ address: EmailAddress) async throws(StoreError) -> Reading {
        guard settings.isOwn(address.domain), address.localPart.utf8.count > 5 else { return .other }
        let rest = String(address.localPart.dropFirst(5))
        switch address.localPart.prefix(5).lowercased() {
        case "srs0=": return try await readFirst(rest, at: address.domain)
        case "srs1=": return readSecond(rest, at: address.domain)
        default: return .other
        }
    }

    /// Deletes records whose time is over.
    package func tidy() async throws(StoreError) { try await records.removeExpired() }

    // MARK: Making

    private func rewritten(_ address: EmailAddress, at domain: Domain) -> String {
        let local = address.localPart
        guard let separator = local.dropFirst(4).first, "=+-".contains(separator) else {
            return first(domainName: address.domain.key, local: local, at: domain)
        }
        switch local.prefix(4).lowercased() {
        case "srs0":
            return second(first: address.domain.key, rest: String(local.dropFirst(4)), at: domain)
        case "srs1":
            // Another's hash falls away: only the first forwarder must be able to read the rest.
            let parts = local.dropFirst(5).split(separator: "=", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, let host = Domain(String(parts[1])), let mark = parts[2].first, "=+-".contains(mark)
            else { return first(domainName: address.domain.key, local: local, at: domain) }
            return second(first: host.key, rest: String(parts[2]), at: domain)
        default:
            return first(domainName: address.domain.key, local: local, at: domain)
        }
    }

    private func first(domainName: String, local: String, at domain: Domain) -> String {
        let day = today
        return "SRS0=" + hash("0", day, [domainName, local], at: domain) + "=" + Self.stamp(day) + "=" + domainName
            + "="
            + local
    }

    /// `rest` begins with the separator behind `SRS0`.
    private func second(first: String, rest: String, at domain: Domain) -> String {
        let day = today
        return "SRS1=" + Self.stamp(day) + hash("1", day, [first, rest], at: domain) + "=" + first + "=" + rest
    }

    // MARK: Reading

    private func readFirst(_ text: String, at domain: Domain) async throws(StoreError) -> Reading {
        let parts = text.split(separator: "=", maxSplits: 3, omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 4, let day = day(of: parts[1]),
            Self.isSame(parts[0], hash("0", day, [parts[2].lowercased(), parts[3]], at: domain))
        else { return .invalid }
        if parts[2].isEmpty {
            guard let stored = try await records.get(.returnPath, id: Array(parts[3].lowercased().utf8)),
                let original = EmailAddress(String(decoding: stored.value, as: UTF8.self))
            else { return .invalid }
            return .original(original)
        }
        let original = Domain(parts[2]).flatMap { EmailAddress(localPart: parts[3], domain: $0) }
        return original.map { .original($0) } ?? .invalid
    }

    private func readSecond(_ text: String, at domain: Domain) -> Reading {
        let parts = text.split(separator: "=", maxSplits: 2, omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 3, parts[0].utf8.count == 10, let day = day(of: String(parts[0].prefix(2))),
            Self.isSame(String(parts[0].dropFirst(2)), hash("1", day, [parts[1].lowercased(), parts[2]], at: domain)),
            let host = Domain(parts[1]), let original = EmailAddress(localPart: "SRS0" + parts[2], domain: host)
        else { return .invalid }
        return .original(original)
    }

    // MARK: Hash and day

    private var today: Int64 { time.wall().seconds / 86_400 }

    /// 40 bits in eight letters; capitals do not count, because some servers fold them.
    private func hash(_ form: String, _ day: Int64, _ parts: [String], at domain: Domain) -> String {
        let input = Self.input([form, String(day), domain.key] + parts.map { $0.lowercased() })
        return Self.code(vault.keyedHash("srs", input), bytes: 5)
    }

    private static func input(_ parts: [String]) -> [UInt8] { Array(parts.joined(separator: "\0").utf8) }

    private static func code(_ hash: [UInt8], bytes: Int) -> String { Base32.encode(hash.prefix(bytes)) }

    /// The day modulo 1,024 in two letters.
    private static func stamp(_ day: Int64) -> String {
        let number = UInt16(truncatingIfNeeded: day & 1023) << 6
        return String(
            Base32.encode([UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]).prefix(2)
        )
    }

    /// The day of the last ``validDays`` that has this stamp; tomorrow's too, for a clock that was set back.
    private func day(of stamp: String) -> Int64? {
        let stamp = stamp.lowercased()
        let today = today
        return (today - Self.validDays...today + 1).first { Self.stamp($0) == stamp }
    }

    /// Compared whole, so that the time taken tells nothing.
    private static func isSame(_ given: String, _ right: String) -> Bool {
        let given = Array(given.lowercased().utf8)
        let right = Array(right.utf8)
        guard given.count == right.count else { return false }
        return zip(given, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
