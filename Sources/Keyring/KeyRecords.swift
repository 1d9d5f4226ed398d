// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Mail
import Store

/// What the store holds about one address.
struct AddressRecords: Sendable {
    var keys: [StoredKey]
    /// A key was confirmed for the address whose record is gone or does not open.
    var hasLostKey: Bool
}

/// The keyring's records in the store: one for each certificate, found by each of its addresses, and one for each address that
/// names its certificates.
///
/// Either way alone would do to find a key. Both are there so that a damaged record is seen as one: a key that does not open must
/// not look like no key.
struct KeyRecords: Sendable {
    let store: RecordStore

    func find(_ address: EmailAddress) async throws(StoreError) -> AddressRecords {
        let found = try await store.find(.certificate, lookup: address.lookupKey)
        let keys = found.compactMap(Self.decode)
        let expected = try await fingerprints(of: address)
        let isComplete = found.count == keys.count && expected.isSubset(of: keys.map(\.fingerprint))
        return AddressRecords(keys: keys, hasLostKey: !isComplete)
    }

    func find(fingerprint: String) async throws(StoreError) -> StoredKey? {
        try await store.get(.certificate, id: Self.id(fingerprint: fingerprint)).flatMap(Self.decode)
    }

    func all() async throws(StoreError) -> [StoredKey] {
        try await store.all(.certificate).filter { $0.id.starts(with: Self.keyPrefix) }.compactMap(Self.decode)
    }

    /// Durable when it returns.
    ///
    /// The addresses go first: cut short, it leaves a key that is missed, never one that is overlooked.
    func put(_ key: StoredKey) async throws(StoreError) {
        guard let value = try? JSONEncoder().encode(key) else { throw .contentFailed }
        for address in key.addresses {
            let fingerprints = try await fingerprints(of: address)
            if !fingerprints.contains(key.fingerprint) {
                try await put(fingerprints.union([key.fingerprint]), of: address)
            }
        }
        try await store.put(
            kind: .certificate,
            id: Self.id(fingerprint: key.fingerprint),
            lookups: key.addresses.map(\.lookupKey),
            value: [UInt8](value)
        )
    }

    /// Whether it was there.
    ///
    /// The addresses go last, for the same reason.
    func remove(fingerprint: String) async throws(StoreError) -> Bool {
        guard let key = try await find(fingerprint: fingerprint) else { return false }
        try await store.remove(.certificate, id: Self.id(fingerprint: fingerprint))
        for address in key.addresses {
            try await put(try await fingerprints(of: address).subtracting([fingerprint]), of: address)
        }
        return true
    }

    /// Forgets that the address ever had a key whose record is lost.
    func forgetLost(_ address: EmailAddress) async throws(StoreError) {
        var kept: Set<String> = []
        for record in try await store.find(.certificate, lookup: address.lookupKey) {
            if let key = Self.decode(record) {
                kept.insert(key.fingerprint)
            } else {
                try await store.remove(.certificate, id: record.id)
            }
        }
        try await put(kept, of: address)
    }

    private func fingerprints(of address: EmailAddress) async throws(StoreError) -> Set<String> {
        guard let record = try await store.get(.certificate, id: Self.id(address)) else { return [] }
        return Set(String(decoding: record.value, as: UTF8.self).split(separator: " ").map(String.init))
    }

    private func put(_ fingerprints: Set<String>, of address: EmailAddress) async throws(StoreError) {
        if fingerprints.isEmpty { return try await store.remove(.certificate, id: Self.id(address)) }
        let value = Array(fingerprints.sorted().joined(separator: " ").utf8)
        try await store.put(kind: .certificate, id: Self.id(address), value: value)
    }

    private static let keyPrefix = Array("key ".utf8)

    private static func id(fingerprint: String) -> [UInt8] { keyPrefix + Array(fingerprint.utf8) }

    private static func id(_ address: EmailAddress) -> [UInt8] {
        Array("address ".utf8) + Array(address.lookupKey.utf8)
    }

    private static func decode(_ record: StoredRecord) -> StoredKey? {
        try? JSONDecoder().decode(StoredKey.self, from: Data(record.value))
    }
}
