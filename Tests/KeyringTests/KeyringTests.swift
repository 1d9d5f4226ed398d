// SPDX-License-Identifier: Apache-2.0

import Keyring
import Mail
import OpenPGP
import Privacy
import Store
import Testing

@Suite("Keyring")
struct KeyringTests {
    @Test("an imported certificate is found by its address, however it is written")
    func foldedAddress() async throws {
        let fixture = try KeyringFixture()
        let imported = try await fixture.add(try Fixture.certificate("cv25519"))
        #expect(imported.change == .added)
        for address in ["cv25519@keys.test", "CV25519@Keys.TEST", "\"cv25519\"@keys.test."] {
            let found = try await fixture.finding(address).certificates
            #expect(found.map(\.fingerprintText) == [imported.key.fingerprint])
        }
        for address in ["cv25519@other.test", "cv25519+tag@keys.test", "p256@keys.test"] {
            #expect(try await fixture.finding(address).isNone)
        }
    }

    @Test("certificates survive a new start, ready to encrypt")
    func persistence() async throws {
        let fixture = try KeyringFixture()
        let fingerprint = try await fixture.add(try Fixture.certificate("rsa4096")).key.fingerprint
        let again = Keyring(records: fixture.store)
        let keys = try await again.list()
        #expect(keys.map(\.fingerprint) == [fingerprint])
        #expect(keys.map(\.trust) == [.confirmed])
        let address = try #require(EmailAddress("rsa4096@keys.test"))
        let usable = try await again.finding(for: address, at: KeyringFixture.now).certificates
        var message = try MessageEncryptor(
            certificates: usable,
            at: KeyringFixture.now,
            plaintext: MemorySource(Array("hello".utf8))
        )
        #expect(try await message.next() != nil)
    }

    @Test("an answer of no key is forgotten when the key is imported, an answer of a key when it is removed")
    func negativeAnswers() async throws {
        let fixture = try KeyringFixture()
        #expect(try await fixture.finding("cv25519@keys.test").isNone)
        let fingerprint = try await fixture.add(try Fixture.certificate("cv25519")).key.fingerprint
        #expect(try await fixture.finding("cv25519@keys.test").certificates.count == 1)
        #expect(try await fixture.keyring.remove(fingerprint: fingerprint))
        #expect(try await fixture.finding("cv25519@keys.test").isNone)
        #expect(try await !fixture.keyring.remove(fingerprint: fingerprint))
    }

    @Test(
        "a certificate that is good for nothing is refused with its reason, and leaves no trace",
        arguments: [
            ("expired", "expired"), ("revoked", "revoked"), ("signonly", "only sign"), ("storageonly", "stored data"),
            ("future", "valid only from"), ("subkeyrevoked", "revoked the encryption subkey"),
            ("subkeyexpired", "subkey"),
        ]
    )
    func refusedAtImport(name: String, reason: String) async throws {
        let fixture = try KeyringFixture()
        let error = await #expect(throws: KeyringError.self) { try await fixture.add(try Fixture.certificate(name)) }
        #expect(error?.sentence.contains(reason) == true)
        #expect(try await fixture.keyring.list().isEmpty)
        #expect(try await fixture.finding("\(name)@keys.test").isNone)
    }

    @Test("a confirmed key that expires later is never taken for no key")
    func expiresLater() async throws {
        let fixture = try KeyringFixture()
        let before = WallTime(seconds: 1_590_000_000)  // 2020-05-20; the key ends on 2021-01-01
        try await fixture.add(try Fixture.certificate("expired"), at: before)
        #expect(try await fixture.finding("expired@keys.test", at: before).certificates.count == 1)
        #expect(try await fixture.finding("expired@keys.test").sentence?.contains("expired on 2021-01-01") == true)
    }

    @Test("a revoked copy replaces a good one, and an older copy does not bring it back")
    func rollback() async throws {
        let fixture = try KeyringFixture()
        let revoked = try Fixture.certificate("revoked")
        let older = try Fixture.withoutKeyRevocation(revoked)
        #expect(try await fixture.add(older).change == .added)
        #expect(try await fixture.finding("revoked@keys.test").certificates.count == 1)
        #expect(try await fixture.add(revoked).change == .updated)
        #expect(try await fixture.finding("revoked@keys.test").sentence?.contains("revoked") == true)
        #expect(try await fixture.add(older).change == .unchanged)
        #expect(try await fixture.finding("revoked@keys.test").sentence?.contains("revoked") == true)
        #expect(try await fixture.keyring.list().count == 1)
    }

    @Test("the same copy again changes nothing", arguments: ["cv25519", "rsa2048", "sqcv25519", "elgamal"])
    func sameAgain(name: String) async throws {
        let fixture = try KeyringFixture()
        let certificate = try Fixture.certificate(name)
        #expect(try await fixture.add(certificate).change == .added)
        #expect(try await fixture.add(certificate).change == .unchanged)
        #expect(try await fixture.finding("\(name)@keys.test").certificates.count == 1)
    }

    @Test("a confirmed key whose record is damaged or lost is never taken for no key", arguments: [true, false])
    func lostRecord(isDamaged: Bool) async throws {
        let fixture = try KeyringFixture()
        let certificate = try Fixture.certificate("cv25519")
        let record = Array("key \(try await fixture.add(certificate).key.fingerprint)".utf8)
        let address = try #require(EmailAddress("cv25519@keys.test"))
        if isDamaged {
            try await fixture.store.put(kind: .certificate, id: record, lookups: [address.lookupKey], value: [1, 2, 3])
        } else {
            try await fixture.store.remove(.certificate, id: record)
        }
        let again = Keyring(records: fixture.store)
        #expect(try await again.finding(for: address, at: KeyringFixture.now).sentence != nil)
        #expect(
            try await again.finding(for: try #require(EmailAddress("p256@keys.test")), at: KeyringFixture.now).isNone
        )
        try await again.forgetLost(address)
        #expect(try await again.finding(for: address, at: KeyringFixture.now).isNone)
    }

    @Test("copies imported at the same time are merged as if they came one after the other")
    func concurrentImports() async throws {
        let fixture = try KeyringFixture()
        let revoked = try Fixture.certificate("revoked")
        let older = try Fixture.withoutKeyRevocation(revoked)
        try await fixture.add(older)
        try await withThrowingTaskGroup { group in
            for copy in [older, revoked, older, revoked, older] {
                group.addTask { _ = try await fixture.add(copy) }
            }
            try await group.waitForAll()
        }
        #expect(try await fixture.finding("revoked@keys.test").sentence != nil)
    }

    @Test("a judge that would undo a revocation is not believed")
    func revocationIsKept() async throws {
        let fixture = try KeyringFixture()
        let revoked = try Fixture.certificate("revoked")
        let older = try Fixture.withoutKeyRevocation(revoked)
        let good = try await fixture.add(older).key.certificate
        try await fixture.add(revoked)
        await #expect(throws: KeyringError.self) {
            try await fixture.keyring.importCertificate(older, judge: { _, _ in good }, at: KeyringFixture.now)
        }
        #expect(try await fixture.finding("revoked@keys.test").sentence != nil)
    }

    @Test("a worker that breaks costs that import and nothing else")
    func brokenWorker() async throws {
        let fixture = try KeyringFixture()
        try await fixture.add(try Fixture.certificate("cv25519"))
        let certificate = try Fixture.certificate("p256")
        await #expect(throws: KeyringError.self) {
            try await fixture.keyring.importCertificate(
                certificate,
                judge: { _, _ async throws(WorkerError) in throw .ended },
                at: KeyringFixture.now
            )
        }
        #expect(try await fixture.finding("p256@keys.test").isNone)
        #expect(try await fixture.add(certificate).change == .added)
        #expect(try await fixture.finding("cv25519@keys.test").certificates.count == 1)
    }

    @Test("keys are named by fingerprint, its end, or an address, and exported as they came")
    func selectors() async throws {
        let fixture = try KeyringFixture()
        let fingerprint = try await fixture.add(try Fixture.certificate("p384")).key.fingerprint
        try await fixture.add(try Fixture.certificate("p521"))
        let end = fingerprint.suffix(16).lowercased()
        for text in [fingerprint, "0x\(end)", "P384@keys.test"] {
            let selector = try #require(KeySelector(text))
            #expect(try await fixture.keyring.find(selector).map(\.fingerprint) == [fingerprint])
        }
        let selector = try #require(KeySelector(fingerprint))
        let exported = try #require(try await fixture.keyring.export(selector))
        #expect(exported.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
        let other = try KeyringFixture()
        let piece = try #require(try CertificateReader.split(Array(exported.utf8)).first)
        #expect(try await other.add(piece).key.fingerprint == fingerprint)
        #expect(KeySelector("0123") == nil)
        #expect(KeySelector("not a key at all") == nil)
    }
}
