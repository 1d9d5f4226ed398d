// SPDX-License-Identifier: Apache-2.0

import Crypto
package import FoundationEssentials
import Glibc

/// Names the key of one sealed record: what it is for, and a random id of its own.
package struct RecordKeyID: Sendable {
    package let purpose: StaticString
    /// 16 random bytes, stored beside the sealed bytes.
    package let recordID: [UInt8]

    package init(purpose: StaticString, recordID: [UInt8] = Vault.randomBytes(16)) {
        self.purpose = purpose
        self.recordID = recordID
    }
}

/// An unlocked vault: the root key, and what is derived from it.
///
/// No key leaves it but through HKDF, and nothing here prints or reflects one.
package final class Vault: Sendable {
    private let root: LockedBytes

    init(root: LockedBytes) {
        self.root = root
    }

    /// A vault that no file keeps: what it seals is unreadable after the process ends.
    ///
    /// For tests and one-shot work.
    package static func ephemeral() throws(VaultError) -> Vault {
        Vault(root: try LockedBytes.random(count: 32))
    }

    /// Whether the kernel keeps the root key out of swap.
    package var isLockedInMemory: Bool { root.isLocked }

    /// Random bytes from the system's generator.
    package static func randomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            var word = generator.next()
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// The key of a record, for those who seal several parts under it.
    package func recordKey(_ id: RecordKeyID) -> RecordKey {
        RecordKey(expandKey(root, info: Self.info("record", id.purpose) + id.recordID))
    }

    /// Seals `plaintext`; `context` says where it belongs (table, row, column) and is needed again to open it.
    package func seal(_ plaintext: some DataProtocol, under id: RecordKeyID, context: [UInt8]) -> Data {
        recordKey(id).seal(plaintext, context: context)
    }

    /// Opens what ``seal(_:under:context:)`` made, or throws ``VaultError/doesNotOpen``.
    package func open(_ sealed: Data, under id: RecordKeyID, context: [UInt8]) throws(VaultError) -> [UInt8] {
        try recordKey(id).open(sealed, context: context)
    }

    /// Seals under a fresh record id and puts the id (16 bytes) in front.
    package func sealRecord(_ plaintext: some DataProtocol, purpose: StaticString, context: [UInt8]) -> Data {
        let id = RecordKeyID(purpose: purpose)
        return Data(id.recordID) + seal(plaintext, under: id, context: context)
    }

    /// Opens what ``sealRecord(_:purpose:context:)`` made, or throws ``VaultError/doesNotOpen``.
    package func openRecord(_ sealed: Data, purpose: StaticString, context: [UInt8]) throws(VaultError) -> [UInt8] {
        guard sealed.count >= 16 + RecordKey.overhead else { throw .doesNotOpen }
        let id = RecordKeyID(purpose: purpose, recordID: [UInt8](sealed.prefix(16)))
        return try open(Data(sealed.dropFirst(16)), under: id, context: context)
    }

    /// Keyed hashes for `purpose`; keep it where many are made.
    package func hasher(_ purpose: StaticString) -> KeyedHasher {
        KeyedHasher(expandKey(root, info: Self.info("hash", purpose)))
    }

    /// HMAC-SHA256 of `input` under a key derived for `purpose`: 32 bytes.
    package func keyedHash(_ purpose: StaticString, _ input: [UInt8]) -> [UInt8] {
        hasher(purpose).hash(input)
    }

    /// A new epoch key.
    package func makeEpochKey() throws(VaultError) -> EpochKey {
        EpochKey(bytes: try LockedBytes.random(count: 32))
    }

    /// The form in which an epoch key is stored.
    package func seal(_ epoch: EpochKey, context: [UInt8]) -> Data {
        let id = RecordKeyID(purpose: "epoch")
        let sealed = unsafe epoch.bytes.withBytes { unsafe seal($0, under: id, context: context) }
        return Data(id.recordID) + sealed
    }

    /// An epoch key from its stored form, or ``VaultError/doesNotOpen``.
    package func openEpochKey(_ sealed: Data, context: [UInt8]) throws(VaultError) -> EpochKey {
        var bytes = try openRecord(sealed, purpose: "epoch", context: context)
        defer { wipe(&bytes) }
        guard bytes.count == 32 else { throw .doesNotOpen }
        return EpochKey(bytes: try LockedBytes(copying: bytes))
    }

    private static func info(_ kind: String, _ purpose: StaticString) -> [UInt8] {
        Array("postern \(kind) v1 \(purpose)".utf8) + [0]
    }
}

extension Vault: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// Overwrites a secret that had to pass through an array.
func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { buffer in
        guard let base = buffer.baseAddress else { return }
        unsafe explicit_bzero(base, buffer.count)
    }
}
