// SPDX-License-Identifier: Apache-2.0

import Foundation
import Privacy
import Testing

@testable import Vault

@Suite("The vault file")
struct VaultFileTests {
    private static let now = WallTime(seconds: 1_800_000_000)

    private static func withDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/postern-vault-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private static func secret(_ text: String) throws -> VaultSecret {
        .passphrase(try LockedBytes(copying: Array(text.utf8)))
    }

    private static func keyFile(_ byte: UInt8, count: Int = 32) throws -> VaultSecret {
        .keyFile(try LockedBytes(copying: [UInt8](repeating: byte, count: count)))
    }

    @Test("a passphrase and a key file open the same vault; a wrong one of either kind gets one sentence")
    func slots() throws {
        try Self.withDirectory { directory in
            let made = try VaultFile.create(in: directory, secret: try Self.secret("correct horse"), now: Self.now)
            try VaultFile.addSlot(in: directory, existing: try Self.secret("correct horse"), new: try Self.keyFile(7))
            let byPassphrase = try VaultFile.unlock(in: directory, secret: try Self.secret("correct horse"))
            let byFile = try VaultFile.unlock(in: directory, secret: try Self.keyFile(7))
            let expected = made.keyedHash("test", [1, 2, 3])
            #expect(byPassphrase.keyedHash("test", [1, 2, 3]) == expected)
            #expect(byFile.keyedHash("test", [1, 2, 3]) == expected)
            #expect(throws: VaultError.wrongPassphrase) {
                try VaultFile.unlock(in: directory, secret: try Self.secret("correct hors"))
            }
            #expect(throws: VaultError.wrongKeyFile) {
                try VaultFile.unlock(in: directory, secret: try Self.keyFile(8))
            }
            #expect(VaultError.wrongPassphrase.sentence == "The passphrase does not open this vault.")

            let status = try VaultFile.status(in: directory)
            #expect(status.slots == [.passphrase, .keyFile])
            #expect(status.created == Self.now.seconds)
        }
    }

    @Test("the file is for its owner alone, holds no secret, and is never overwritten by a new vault")
    func fileOnDisk() throws {
        try Self.withDirectory { directory in
            try VaultFile.create(in: directory, secret: try Self.keyFile(65, count: 40), now: Self.now)
            let facts = try FileManager.default.attributesOfItem(atPath: directory + "/vault")
            #expect(facts[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.attributesOfItem(atPath: directory)[.posixPermissions] as? Int == 0o700)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["vault"])
            #expect(throws: VaultError.exists) {
                try VaultFile.create(in: directory, secret: try Self.keyFile(1), now: Self.now)
            }
            let text = try String(contentsOfFile: directory + "/vault", encoding: .utf8)
            #expect(!text.contains("AAAA"))
        }
    }

    @Test("secrets that are too short or too long, and a missing vault, are refused")
    func limits() throws {
        try Self.withDirectory { directory in
            #expect(throws: VaultError.missing) { try VaultFile.status(in: directory) }
            #expect(throws: VaultError.badKeyFileSize) {
                try VaultFile.create(in: directory, secret: try Self.keyFile(1, count: 31), now: Self.now)
            }
            #expect(throws: VaultError.badPassphrase) {
                try VaultFile.create(in: directory, secret: try Self.secret(""), now: Self.now)
            }
        }
    }

    @Test("a change to any byte of the file gives an error or the same vault, never another one and never a trap")
    func tampering() throws {
        try Self.withDirectory { directory in
            let vault = try VaultFile.create(in: directory, secret: try Self.keyFile(9), now: Self.now)
            let expected = vault.keyedHash("test", [1])
            let path = VaultFile.path(in: directory)
            let original = try Data(contentsOf: URL(fileURLWithPath: path))
            var refused = 0
            for index in original.indices {
                for flip in [UInt8(1), 0x20, 0x80] {
                    var changed = original
                    changed[index] ^= flip
                    try changed.write(to: URL(fileURLWithPath: path))
                    guard let opened = try? VaultFile.unlock(in: directory, secret: try Self.keyFile(9)) else {
                        refused += 1
                        continue
                    }
                    #expect(opened.keyedHash("test", [1]) == expected)
                }
            }
            // What stays harmless is white space and the unused bits of a base64 text's last digit.
            #expect(refused > original.count * 2)
        }
    }

    @Test("the kind of a slot, its salt and its creation time are bound to the wrapped key")
    func slotBinding() throws {
        try Self.withDirectory { directory in
            try VaultFile.create(in: directory, secret: try Self.keyFile(9), now: Self.now)
            let path = VaultFile.path(in: directory)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let changed = text.replacingOccurrences(of: "1800000000", with: "1800000001")
            try #require(changed != text)
            try changed.write(toFile: path, atomically: false, encoding: .utf8)
            #expect(throws: VaultError.wrongKeyFile) {
                try VaultFile.unlock(in: directory, secret: try Self.keyFile(9))
            }
        }
    }
}
