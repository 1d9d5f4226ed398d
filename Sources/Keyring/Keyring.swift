// SPDX-License-Identifier: Apache-2.0

package import Mail
package import OpenPGP
package import Privacy
package import Store
import Synchronization

/// Which key belongs to which address: certificates that the operator confirmed, sealed in the store and found by a keyed hash of
/// the address.
///
/// Answers about addresses asked for lately come from memory, negative ones too, and keep the keys that were made ready for
/// encryption; every change empties that memory.
package final class Keyring: Sendable {
    /// Checks the signatures of a stripped certificate; ``WorkerClient`` does.
    package typealias Judge = (_ certificate: [UInt8], _ at: WallTime) async throws(WorkerError) -> JudgedCertificate

    private struct Answers {
        /// The keys of an address, newest first; that there are none is an answer too.
        var byAddress = RecentCache<String, AddressRecords>(budget: Keyring.cacheBytes)
        /// Counts changes, so that what was read before one is not remembered after it.
        var generation = 0
    }

    /// Memory for answers, about.
    private static let cacheBytes = 32 << 20

    private let records: KeyRecords
    private let answers = Mutex(Answers())
    private let changes = Turn()

    package init(records: RecordStore) {
        self.records = KeyRecords(store: records)
    }

    // MARK: - Asking

    /// Which key there is for exactly this address, at `now`.
    ///
    /// A caller that wants the address without its tag too asks again.
    ///
    /// Throws when the store can't be read: that is not "no key", and neither is a record that does not open.
    package func finding(for address: EmailAddress, at now: WallTime) async throws(StoreError) -> KeyFinding {
        let records = try await records(of: address)
        let verdicts = records.keys.map { ($0.certificate, $0.certificate.verdict(at: now.seconds, for: address)) }
        let usable = verdicts.filter(\.1.isUsable).map(\.0)
        if !usable.isEmpty { return .usable(usable) }
        if let newest = verdicts.first { return .unusable(newest.1.sentence) }
        return records.hasLostKey ? .unusable(Self.lostKey) : .none
    }

    private static let lostKey =
        "A key was confirmed for this address, but its record does not open any more: import the key again, or remove the address with "
        + "`postern keys remove`."

    /// All keys, by fingerprint.
    package func list() async throws(StoreError) -> [StoredKey] {
        try await records.all().sorted { $0.fingerprint < $1.fingerprint }
    }

    /// The keys that the operator means, newest first; empty when there are none.
    package func find(_ selector: KeySelector) async throws(StoreError) -> [StoredKey] {
        switch selector {
        case .address(let address): try await records(of: address).keys
        case .fingerprint(let digits):
            Self.newestFirst(try await records.all().filter { $0.fingerprint.hasSuffix(digits) })
        }
    }

    /// The certificates that the operator means, armored, one block after another; nil when there are none.
    package func export(_ selector: KeySelector) async throws(StoreError) -> String? {
        let keys = try await find(selector)
        return keys.isEmpty ? nil : keys.map { CertificateReader.armored($0.certificate.certificate) }.joined()
    }

    private func records(of address: EmailAddress) async throws(StoreError) -> AddressRecords {
        let key = address.lookupKey
        let (known, generation) = answers.withLock { ($0.byAddress.value(for: key), $0.generation) }
        if let known { return known }
        var found = try await records.find(address)
        found.keys = Self.newestFirst(found.keys)
        answers.withLock { answers in
            guard answers.generation == generation else { return }
            answers.byAddress.insert(found, for: key, cost: Self.cost(of: found.keys))
        }
        return found
    }

    // MARK: - Changing

    /// Takes in one certificate, from which the signatures of others were stripped already (they are stripped again).
    ///
    /// A new certificate must be usable now. A copy of one that is there is merged into it whatever its state, and whatever either
    /// copy knows stays known: an older copy undoes no revocation and no expiry.
    package func importCertificate(
        _ certificate: [UInt8],
        judge: Judge,
        at now: WallTime
    ) async throws(KeyringError) -> ImportedKey {
        let stripped: [UInt8]
        do { stripped = try CertificateReader.strip(certificate) } catch { throw .unusable(error, nil) }
        return try await changes.take { () async throws(KeyringError) in
            let judged = try await Self.judge(stripped, by: judge, at: now)
            if let stored = try await storing({ () async throws(StoreError) in
                try await records.find(fingerprint: judged.fingerprintText)
            }) {
                return try await update(stored, with: judged, judge: judge, at: now)
            }
            let verdict = judged.verdict(at: now.seconds)
            guard verdict.isUsable else { throw .unusable(verdict, judged) }
            let key = StoredKey(
                certificate: judged,
                trust: .confirmed,
                added: now,
                addresses: judged.addresses(at: now.seconds)
            )
            try await save(key)
            return ImportedKey(key: key, change: .added)
        }
    }

    /// Forgets a key, and with it that its addresses had one.
    ///
    /// Returns whether it was there.
    package func remove(fingerprint: String) async throws(KeyringError) -> Bool {
        try await change { () async throws(StoreError) in try await records.remove(fingerprint: fingerprint) }
    }

    /// Forgets that `address` had a key whose record is lost; keys that open stay.
    package func forgetLost(_ address: EmailAddress) async throws(KeyringError) {
        try await change { () async throws(StoreError) in try await records.forgetLost(address) }
    }

    private func change<Result>(_ work: () async throws(StoreError) -> Result) async throws(KeyringError) -> Result {
        try await changes.take { () async throws(KeyringError) in
            defer { forgetAnswers() }
            return try await storing(work)
        }
    }

    private func update(
        _ stored: StoredKey,
        with copy: JudgedCertificate,
        judge: Judge,
        at now: WallTime
    ) async throws(KeyringError) -> ImportedKey {
        let known = stored.certificate.certificate
        let bytes: [UInt8]
        let isNew: Bool
        do {
            bytes = try CertificateReader.strip(try CertificateMerge.merge(known, copy.certificate))
            // With itself, so that headers of another form don't look like news.
            isNew = bytes != (try CertificateReader.strip(try CertificateMerge.merge(known, known)))
        } catch {
            throw .unusable(error, copy)
        }
        let merged = try await Self.judge(bytes, by: judge, at: now)
        guard merged.revoked || !stored.certificate.revoked else { throw .rollback }
        let named = merged.addresses(at: now.seconds).filter { !stored.addresses.contains($0) }
        let key = StoredKey(
            certificate: merged,
            trust: stored.trust,
            added: stored.added,
            addresses: stored.addresses + named
        )
        try await save(key)
        return ImportedKey(key: key, change: isNew ? .updated : .unchanged)
    }

    private func save(_ key: StoredKey) async throws(KeyringError) {
        defer { forgetAnswers() }
        try await storing { () async throws(StoreError) in try await records.put(key) }
    }

    private func forgetAnswers() {
        answers.withLock { answers in
            answers.generation += 1
            answers.byAddress.removeAll()
        }
    }

    private static func judge(
        _ certificate: [UInt8],
        by judge: Judge,
        at now: WallTime
    ) async throws(KeyringError) -> JudgedCertificate {
        do {
            return try await judge(certificate, now)
        } catch .unusable(let verdict) {
            throw .unusable(verdict, nil)
        } catch {
            throw .judgeFailed(error)
        }
    }

    private func storing<Result>(_ work: () async throws(StoreError) -> Result) async throws(KeyringError) -> Result {
        do { return try await work() } catch { throw .storeFailed(error) }
    }

    private static func newestFirst(_ keys: [StoredKey]) -> [StoredKey] {
        keys.sorted { $0.certificate.created > $1.certificate.created }
    }

    /// About the bytes that an answer takes in memory.
    private static func cost(of keys: [StoredKey]) -> Int {
        keys.reduce(256) { $0 + 4096 + 2 * $1.certificate.certificate.count }
    }
}
