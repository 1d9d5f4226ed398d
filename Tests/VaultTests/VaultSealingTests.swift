// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Vault

@Suite("Sealing")
struct VaultSealingTests {
    private let vault: Vault

    init() throws { vault = try Vault.ephemeral() }

    @Test("what was sealed opens in its place, and in no other place, record or vault")
    func contextBinding() throws {
        let id = RecordKeyID(purpose: "test")
        let sealed = vault.seal([1, 2, 3], under: id, context: [10, 0])
        #expect(try vault.open(sealed, under: id, context: [10, 0]) == [1, 2, 3])
        #expect(throws: VaultError.doesNotOpen) { try vault.open(sealed, under: id, context: [10, 1]) }
        #expect(throws: VaultError.doesNotOpen) { try vault.open(sealed, under: id, context: []) }
        #expect(throws: VaultError.doesNotOpen) {
            try vault.open(sealed, under: RecordKeyID(purpose: "test"), context: [10, 0])
        }
        #expect(throws: VaultError.doesNotOpen) {
            try vault.open(sealed, under: RecordKeyID(purpose: "other", recordID: id.recordID), context: [10, 0])
        }
        let other = try Vault.ephemeral()
        #expect(throws: VaultError.doesNotOpen) { try other.open(sealed, under: id, context: [10, 0]) }
    }

    @Test("a change to any bit, and any shortening, is noticed")
    func tampering() throws {
        let sealed = vault.sealRecord(Array("secret text".utf8), purpose: "test", context: [1])
        #expect(try vault.openRecord(sealed, purpose: "test", context: [1]) == Array("secret text".utf8))
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << bit
                #expect(throws: VaultError.doesNotOpen) { try vault.openRecord(changed, purpose: "test", context: [1]) }
            }
        }
        for length in 0..<sealed.count {
            #expect(throws: VaultError.doesNotOpen) {
                try vault.openRecord(sealed.prefix(length), purpose: "test", context: [1])
            }
        }
    }

    @Test("sealing the same bytes twice gives different bytes")
    func nonces() {
        let key = vault.recordKey(RecordKeyID(purpose: "test"))
        #expect(key.seal([1, 2, 3], context: []) != key.seal([1, 2, 3], context: []))
    }

    @Test("an epoch key survives being sealed, and derives different keys for different records")
    func epochKeys() throws {
        let epoch = try vault.makeEpochKey()
        let again = try vault.openEpochKey(vault.seal(epoch, context: [5]), context: [5])
        let record = Vault.randomBytes(EpochKey.recordIDBytes)
        let sealed = epoch.derive(recordID: record).seal([7], context: [1])
        #expect(try again.derive(recordID: record).open(sealed, context: [1]) == [7])
        #expect(throws: VaultError.doesNotOpen) {
            try again.derive(recordID: Vault.randomBytes(16)).open(sealed, context: [1])
        }
        #expect(throws: VaultError.doesNotOpen) {
            try vault.openEpochKey(vault.seal(epoch, context: [5]), context: [6])
        }
        #expect(throws: VaultError.doesNotOpen) {
            try vault.openEpochKey(vault.sealRecord([1, 2], purpose: "epoch", context: [5]), context: [5])
        }
    }

    @Test("keyed hashes are equal for equal input and purpose only")
    func keyedHashes() throws {
        let hash = vault.keyedHash("nexthop", [1])
        #expect(hash.count == 32)
        #expect(hash == vault.hasher("nexthop").hash([1]))
        #expect(hash != vault.keyedHash("nexthop", [2]))
        #expect(hash != vault.keyedHash("other", [1]))
        #expect(hash != (try Vault.ephemeral()).keyedHash("nexthop", [1]))
    }

    @Test("locked bytes and the vault show nothing of themselves")
    func reflection() throws {
        let secret = try LockedBytes(copying: Array("canary".utf8))
        var shown = ""
        dump(secret, to: &shown)
        dump(vault, to: &shown)
        #expect(!shown.contains("canary") && !shown.contains("base") && !shown.contains("root"))
        let copied = unsafe secret.withBytes { unsafe [UInt8]($0) }
        #expect(copied == Array("canary".utf8))
    }

    @Test("random bytes have the length asked for and differ")
    func randomBytes() {
        for count in [0, 1, 7, 8, 9, 31, 32] { #expect(Vault.randomBytes(count).count == count) }
        #expect(Vault.randomBytes(16) != Vault.randomBytes(16))
    }
}
